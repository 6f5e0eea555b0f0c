"""The words of short questions, of quizzes and of the preference centre."""

from __future__ import annotations

from typing import Final

import msgspec


class AskingWords(msgspec.Struct, frozen=True, kw_only=True):
    """Texts around the workspace's questions. The defaults are English."""

    send: str = "Send"
    later: str = "Not now"
    answer: str = "Your answer"
    progress: str = "Question {position} of {of}"
    change: str = "Change my answers"
    allows: str = "By answering you allow this: {purposes} You can take that back at any time."
    empty: str = "Please answer, or choose “Not now”."
    choice: str = "Please choose one of the answers."
    number: str = "Please write a number, such as 25."
    long: str = "Please answer in at most 200 characters."
    foreign: str = "This answer came from another site. Please answer here."
    preferences: str = "My preferences"
    title: str = "Your preferences"
    intro: str = (
        "What you told this site, and what you would like. Change it, or take it back, at any time."
    )
    about_you: str = "About you"
    about_you_text: str = "The start form asks for this. Every page speaks to it."
    personalization: str = "What the pages show you"
    personalization_text: str = "A few answers, and the pages leave out what is not for you."
    marketing: str = "What we write to you about"
    marketing_text: str = "Topics, and how often. Choose nothing, and nothing is used."
    analytics: str = "What helps us count"
    analytics_text: str = "Used for statistics only."
    necessary: str = "How this site works for you"
    necessary_text: str = "Settings that the site follows."
    no_answer: str = "No answer"
    nothing_yet: str = "not told yet"
    save: str = "Save"
    saved: str = "Saved. It holds from the next page on."
    not_saved: str = "Not saved yet: please look at the answers that are marked."
    save_allows: str = "By saving you allow this: {purposes} You can take that back at any time."
    not_taken: str = "That answer could not be used. You can give it here."
    broken_link: str = (
        "This link does not work any more. These are the preferences of this browser."
    )
    nothing_asked: str = "This site asks nothing beside the start form."
    other_choices: str = "What your data may be used for in general, you decide under"
    everything: str = "Everything that this site knows of you stands under"


GERMAN_ASKING: Final = AskingWords(
    send="Senden",
    later="Nicht jetzt",
    answer="Ihre Antwort",
    progress="Frage {position} von {of}",
    change="Meine Antworten ändern",
    allows=("Mit Ihrer Antwort erlauben Sie: {purposes} Das können Sie jederzeit zurücknehmen."),
    empty="Bitte antworten Sie, oder wählen Sie „Nicht jetzt“.",
    choice="Bitte wählen Sie eine der Antworten.",
    number="Bitte schreiben Sie eine Zahl, etwa 25.",
    long="Bitte antworten Sie mit höchstens 200 Zeichen.",
    foreign="Diese Antwort kam von einer anderen Website. Bitte antworten Sie hier.",
    preferences="Meine Einstellungen",
    title="Ihre Einstellungen",
    intro=(
        "Was Sie dieser Seite gesagt haben, und was Sie möchten. Ändern oder zurücknehmen können"
        " Sie es jederzeit."
    ),
    about_you="Über Sie",
    about_you_text="Danach fragt das Startformular. Jede Seite richtet sich danach.",
    personalization="Was die Seiten Ihnen zeigen",
    personalization_text="Ein paar Antworten, und die Seiten lassen weg, was Sie nicht betrifft.",
    marketing="Worüber wir Ihnen schreiben",
    marketing_text="Themen, und wie oft. Wählen Sie nichts, wird nichts verwendet.",
    analytics="Was uns beim Zählen hilft",
    analytics_text="Nur für Statistik verwendet.",
    necessary="Wie diese Seite für Sie arbeitet",
    necessary_text="Einstellungen, an die sich die Seite hält.",
    no_answer="Keine Angabe",
    nothing_yet="noch nicht gesagt",
    save="Speichern",
    saved="Gespeichert. Es gilt ab der nächsten Seite.",
    not_saved="Noch nicht gespeichert: Bitte sehen Sie sich die markierten Antworten an.",
    save_allows=(
        "Mit dem Speichern erlauben Sie: {purposes} Das können Sie jederzeit zurücknehmen."
    ),
    not_taken="Mit dieser Antwort konnten wir nichts anfangen. Hier können Sie sie geben.",
    broken_link=("Dieser Link gilt nicht mehr. Das sind die Einstellungen dieses Browsers."),
    nothing_asked="Diese Seite fragt nichts außer im Startformular.",
    other_choices="Wofür Ihre Daten überhaupt verwendet werden, bestimmen Sie unter",
    everything="Alles, was diese Seite über Sie weiß, steht unter",
)
