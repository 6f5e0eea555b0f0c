"""The words of the site's own frame in each language; everything else is workspace content."""

from __future__ import annotations

from typing import Final

import msgspec

from persx.content.rendering import FormWords
from persx.web.site.my_data_words import GERMAN_MY_DATA, MyDataWords


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Every text that the site's templates say by themselves. The defaults are English."""

    skip: str = "Skip to content"
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
    error_home: str = "Go to the home page"
    error_not_found: str = "This page does not exist"
    error_not_found_text: str = "The address may be old or mistyped. These pages do exist:"
    error_server: str = "Something went wrong on our side"
    error_server_text: str = "It has been noted. Please try again in a moment."
    error_id: str = "Reference"
    my_data: str = "What we know about you"
    forms: FormWords = FormWords()
    mine: MyDataWords = MyDataWords()


ENGLISH: Final = Words()

GERMAN: Final = Words(
    skip="Zum Inhalt",
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
    error_home="Zur Startseite",
    error_not_found="Diese Seite gibt es nicht",
    error_not_found_text="Die Adresse ist vielleicht alt oder vertippt. Diese Seiten gibt es:",
    error_server="Bei uns ist etwas schiefgegangen",
    error_server_text="Es ist vermerkt. Bitte versuchen Sie es gleich noch einmal.",
    error_id="Kennzeichen",
    my_data="Was wir über Sie wissen",
    mine=GERMAN_MY_DATA,
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
