"""The words of the site's own frame in each language; everything else is workspace content."""

from __future__ import annotations

from typing import Final

import msgspec

from persx.content.rendering import FormWords
from persx.web.site.asking_words import GERMAN_ASKING, AskingWords
from persx.web.site.my_data_words import GERMAN_MY_DATA, MyDataWords


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Every text that the site's templates say by themselves. The defaults are English."""

    skip: str = "Skip to content"
    simulated: str = "Simulated data"
    simulated_why: str = "the visitors and figures of this site are made up."
    navigation: str = "Main"
    language: str = "Language"
    footer: str = "Footer"
    update_industry: str = "Update my industry"
    privacy: str = "Privacy"
    shown_for: str = "Shown for"
    change: str = "change"
    personalise: str = "Make it mine"
    ask_industry: str = "Which industry are you in?"
    ask_industry_why: str = "One click, and this site speaks your language."
    start_title: str = "Make this site yours"
    start_intro: str = (
        "Three questions, half a minute. Every page then speaks of your industry, your goals"
        " and your tools."
    )
    start_industry: str = "Your industry"
    start_industry_help: str = "Choose the one that fits best."
    start_goals: str = "Your goals"
    start_goals_help: str = "As many as you like, or none."
    start_tools: str = "Your martech stack"
    start_tools_help: str = "The tools that you work with today."
    start_submit: str = "Show me my site"
    start_update: str = "Update my site"
    start_promise: str = (
        "Your answers stay on this site. You can see and change them at any time, or start over."
    )
    start_no_industry: str = "Please choose your industry."
    form_foreign: str = "This form was sent from another site. Please send it from here."
    form_required: str = "Please fill in “{label}”."
    form_email: str = "“{label}” does not look like an e-mail address."
    form_option: str = "Please choose one of the options of “{label}”."
    form_long: str = "“{label}” is longer than {most} characters. Please shorten it."
    privacy_title: str = "What this site knows about you"
    privacy_intro: str = (
        "These facts decide what you see here. You can change your answers, or start over."
    )
    privacy_nothing: str = "Nothing yet. You see what everybody sees."
    privacy_declared: str = "You told us"
    privacy_computed: str = "From your visits"
    privacy_predicted: str = "Our guess"
    privacy_derived: str = "Follows from the rest"
    privacy_contextual: str = "From this request"
    privacy_yes: str = "yes"
    privacy_no: str = "no"
    privacy_purpose: str = "Used for"
    privacy_necessary: str = "running the site"
    privacy_analytics: str = "statistics"
    privacy_personalization: str = "personalization"
    privacy_marketing: str = "marketing"
    privacy_consent: str = "What may your data be used for?"
    privacy_reset: str = "Start over"
    privacy_reset_help: str = (
        "The site forgets your answers and meets you as a new visitor. What has been counted so"
        " far stays counted."
    )
    privacy_done: str = "Done. Your choice holds from this page on."
    choices: str = "Privacy choices"
    choices_title: str = "Your privacy choices"
    choices_intro: str = (
        "You decide what your data may be used for. A change holds from the next page on, and you"
        " can change your mind here at any time."
    )
    choices_necessary: str = "Necessary"
    choices_necessary_text: str = (
        "The language that you chose, the forms that you send, and this choice itself. Without"
        " them the site does not work."
    )
    choices_always: str = "always on"
    consent_title: str = "Your data, your choice"
    consent_text: str = (
        "With your permission this site remembers you, to show what fits you and to learn which"
        " pages work. Everything stays on this site. Until you agree, it does not recognise you."
    )
    consent_accept: str = "Accept all"
    consent_reject: str = "Reject all"
    consent_choose: str = "Choose for each purpose"
    consent_save: str = "Save my choice"
    consent_personalization: str = "Personalization"
    consent_personalization_text: str = (
        "The pages remember your answers and visits, and show what fits you."
    )
    consent_analytics: str = "Statistics"
    consent_analytics_text: str = "Visits are counted, to find out which pages are useful."
    consent_marketing: str = "Marketing"
    consent_marketing_text: str = "What you are interested in may be used for offers to you."
    consent_granted_on: str = "You agreed on {date}."
    consent_denied_on: str = "You declined on {date}."
    consent_gpc: str = "Off, because your browser asks for it."
    consent_unless: str = "On, until you object."
    start_allows: str = (
        "By sending this form you allow personalization: the site keeps your answers and uses"
        " them to choose what it shows you. You can take that back under"
    )
    error_home: str = "Go to the home page"
    error_not_found: str = "This page does not exist"
    error_not_found_text: str = "The address may be old or mistyped. These pages do exist:"
    error_server: str = "Something went wrong on our side"
    error_server_text: str = "It has been noted. Please try again in a moment."
    error_id: str = "Reference"
    my_data: str = "What we know about you"
    forms: FormWords = FormWords()
    mine: MyDataWords = MyDataWords()
    asking: AskingWords = AskingWords()


ENGLISH: Final = Words()

GERMAN: Final = Words(
    skip="Zum Inhalt",
    simulated="Simulierte Daten",
    simulated_why="Besuche und Zahlen dieser Website sind erfunden.",
    navigation="Hauptmenü",
    language="Sprache",
    footer="Fußzeile",
    update_industry="Meine Branche ändern",
    privacy="Datenschutz",
    shown_for="Gezeigt für",
    change="ändern",
    personalise="Anpassen",
    ask_industry="In welcher Branche arbeiten Sie?",
    ask_industry_why="Ein Klick, und diese Seite spricht Ihre Sprache.",
    start_title="Machen Sie diese Seite zu Ihrer",
    start_intro=(
        "Drei Fragen, eine halbe Minute. Danach spricht jede Seite von Ihrer Branche, Ihren"
        " Zielen und Ihren Werkzeugen."
    ),
    start_industry="Ihre Branche",
    start_industry_help="Wählen Sie, was am besten passt.",
    start_goals="Ihre Ziele",
    start_goals_help="So viele Sie möchten, oder keines.",
    start_tools="Ihre Werkzeuge",
    start_tools_help="Womit Sie heute arbeiten.",
    start_submit="Meine Seite zeigen",
    start_update="Meine Seite ändern",
    start_promise=(
        "Ihre Antworten bleiben auf dieser Seite. Sie können sie jederzeit ansehen und ändern oder"
        " neu beginnen."
    ),
    start_no_industry="Bitte wählen Sie Ihre Branche.",
    form_foreign="Dieses Formular kam von einer anderen Website. Bitte senden Sie es von hier.",
    form_required="Bitte füllen Sie „{label}“ aus.",
    form_email="„{label}“ sieht nicht wie eine E-Mail-Adresse aus.",
    form_option="Bitte wählen Sie eine der Möglichkeiten von „{label}“.",
    form_long="„{label}“ ist länger als {most} Zeichen. Bitte kürzen Sie die Antwort.",
    privacy_title="Was diese Seite über Sie weiß",
    privacy_intro=(
        "Diese Angaben bestimmen, was Sie hier sehen. Sie können Ihre Antworten ändern oder neu"
        " beginnen."
    ),
    privacy_nothing="Noch nichts. Sie sehen, was alle sehen.",
    privacy_declared="Von Ihnen",
    privacy_computed="Aus Ihren Besuchen",
    privacy_predicted="Unsere Vermutung",
    privacy_derived="Folgt aus dem Übrigen",
    privacy_contextual="Aus dieser Anfrage",
    privacy_yes="ja",
    privacy_no="nein",
    privacy_purpose="Verwendet für",
    privacy_necessary="den Betrieb der Seite",
    privacy_analytics="Statistik",
    privacy_personalization="Personalisierung",
    privacy_marketing="Werbung",
    privacy_consent="Wofür dürfen Ihre Daten verwendet werden?",
    privacy_reset="Neu beginnen",
    privacy_reset_help=(
        "Die Seite vergisst Ihre Antworten und begegnet Ihnen wie beim ersten Besuch. Was bisher"
        " gezählt wurde, bleibt gezählt."
    ),
    privacy_done="Erledigt. Ihre Wahl gilt ab dieser Seite.",
    choices="Datenschutz-Einstellungen",
    choices_title="Ihre Datenschutz-Einstellungen",
    choices_intro=(
        "Sie bestimmen, wofür Ihre Daten verwendet werden. Eine Änderung gilt ab der nächsten"
        " Seite, und Sie können sich hier jederzeit anders entscheiden."
    ),
    choices_necessary="Notwendig",
    choices_necessary_text=(
        "Die gewählte Sprache, die Formulare, die Sie senden, und diese Auswahl selbst. Ohne sie"
        " funktioniert die Seite nicht."
    ),
    choices_always="immer an",
    consent_title="Ihre Daten, Ihre Wahl",
    consent_text=(
        "Mit Ihrer Erlaubnis erkennt diese Seite Sie wieder, zeigt, was zu Ihnen passt, und lernt,"
        " welche Seiten nützen. Alles bleibt auf dieser Seite. Ohne Ihre Zustimmung erkennt sie Sie"
        " nicht wieder."
    ),
    consent_accept="Alle annehmen",
    consent_reject="Alle ablehnen",
    consent_choose="Einzeln auswählen",
    consent_save="Auswahl speichern",
    consent_personalization="Personalisierung",
    consent_personalization_text=(
        "Die Seiten merken sich Ihre Antworten und Besuche und zeigen, was zu Ihnen passt."
    ),
    consent_analytics="Statistik",
    consent_analytics_text="Besuche werden gezählt, um zu erfahren, welche Seiten nützen.",
    consent_marketing="Werbung",
    consent_marketing_text="Was Sie interessiert, darf für Angebote an Sie verwendet werden.",
    consent_granted_on="Sie haben am {date} zugestimmt.",
    consent_denied_on="Sie haben am {date} abgelehnt.",
    consent_gpc="Aus, weil Ihr Browser darum bittet.",
    consent_unless="An, bis Sie widersprechen.",
    start_allows=(
        "Mit dem Absenden erlauben Sie Personalisierung: Die Seite behält Ihre Antworten und wählt"
        " danach, was sie Ihnen zeigt. Zurücknehmen können Sie das unter"
    ),
    error_home="Zur Startseite",
    error_not_found="Diese Seite gibt es nicht",
    error_not_found_text="Die Adresse ist vielleicht alt oder vertippt. Diese Seiten gibt es:",
    error_server="Bei uns ist etwas schiefgegangen",
    error_server_text="Es ist vermerkt. Bitte versuchen Sie es gleich noch einmal.",
    error_id="Kennzeichen",
    my_data="Was wir über Sie wissen",
    mine=GERMAN_MY_DATA,
    asking=GERMAN_ASKING,
    forms=FormWords(
        optional="freiwillig",
        choose="Bitte wählen",
        trap="Bitte leer lassen",
        errors="Bitte sehen Sie das noch einmal an",
    ),
)

WORDS: Final = {"en": ENGLISH, "de": GERMAN}


def words(locale: str) -> Words:
    """Return the frame's words in the language of a locale; English where there are none.

    >>> words("de-AT").privacy
    'Datenschutz'
    """
    return WORDS.get(locale.replace("_", "-").split("-")[0].lower(), ENGLISH)
