"""The words of the visitor's own page: what is known, why it matters, what they can do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec


class MyDataWords(msgspec.Struct, frozen=True, kw_only=True):
    """Texts of ``/privacy``, of receipts and of questions asked again. The defaults are English.

    `months` are those of a date, `date` and `moment` how it is put together.
    """

    months: tuple[str, ...] = (
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    )  # fmt: skip
    date: str = "{day} {month} {year}"
    moment: str = "{date}, {hour:02}:{minute:02}"
    contextual: Mapping[str, str] = MappingProxyType(
        {
            "page.path": "Page",
            "locale": "Language",
            "device": "Device",
            "referrer.host": "Where you came from",
            "utm.source": "Campaign source",
            "utm.medium": "Campaign medium",
            "utm.campaign": "Campaign",
            "hour": "Hour of the day",
            "weekday": "Day of the week",
            "persona": "Persona",
            "identified": "Signed in",
            "network.industry": "Industry that your network suggests",
        }
    )
    since: str = "since {date}"
    newest: str = "last changed {date}"
    traces: Mapping[str, str] = MappingProxyType(
        {
            "page": "page {it}",
            "section": "pages below {it}",
            "screen": "screen {it}",
            "from": "came from {it}",
            "source": "campaign source {it}",
            "medium": "campaign medium {it}",
            "campaign": "campaign {it}",
            "device": "device {it}",
            "event": "{it}",
            "category": "category {it}",
            "hours": "between {it}",
            "weekend": "on a weekend",
        }
    )
    sure: str = "{percent}% sure, from what others did; what you say counts instead"
    guessed: str = "{fact} (our guess)"
    not_used: str = "Kept, but not used: you have not allowed it."
    uses: str = "What it is used for"
    uses_pages: str = "It can change {count} places on: {pages}."
    uses_page: str = "It can change one place on: {pages}."
    uses_persona: str = "Your persona follows from it."
    uses_audiences: str = "It puts you into these audiences or keeps you out: {audiences}."
    uses_experiments: str = "It decides whether you take part in: {experiments}."
    uses_questions: str = "It can make us ask you about: {facts}."
    uses_nothing: str = "Nothing at present."
    change: str = "Change"
    delete: str = "Delete"
    save: str = "Save"
    one_a_line: str = "One on each line"
    not_saved: str = "This was not saved. {problem}"
    saved: str = "Saved. It holds from this page on."
    deleted: str = "Deleted. This site does not use it any more."
    erased: str = "Erased. This site knows nothing of you any more."
    started_over: str = "Done. The site meets you as a new visitor."
    taken_for: str = "Who the site takes you for"
    persona: str = "Persona"
    no_persona: str = "None: too little speaks for one."
    audiences: str = "Audiences you are in"
    no_audiences: str = "None."
    why: str = "Why am I seeing this?"
    why_intro: str = (
        "The pages that you saw last, and for each part why it was as it was. Written down when"
        " you saw it."
    )
    why_nothing: str = "No page of yours has been written down yet."
    why_carried: str = (
        "Nothing is written down of you. At the foot of every page, “Why am I seeing this?” tells"
        " it for that page."
    )
    why_carried_intro: str = (
        "This page carried its own explanation in the link that you opened. Nothing of it is kept."
    )
    why_expired: str = (
        "This link is older than {days} days, and nothing of it was kept. Open the page again: it"
        " brings a new one."
    )
    why_foreign: str = (
        "This link cannot be read: it is not complete, was changed, or is not from here. Open the"
        " page again: it brings a new one."
    )
    why_back: str = "To the page"
    older: str = "Look further back"
    older_note: str = "These are the newest. Older pages lie in the archive, which takes a moment."
    older_later: str = "Too many people ask at once, so that the archive was left out."
    other_page: str = "Another page"
    receipt: str = "Receipt as JSON"
    targeted: str = "This version fits what is known of you:"
    targeted_always: str = "This version is for everybody at present."
    ordered: str = "In an order that suits what is known of you."
    arm: str = (
        "You take part in a comparison. Chance has put you into the group “{arm}”, and you stay"
        " in it."
    )
    learned: str = (
        "Chosen by chance among the versions that fit you. We learn from what visitors do which of"
        " them work, and show those more often."
    )
    learned_chance: str = "Chance of this version: {percent}%"
    learned_held_out: str = (
        "We learn which versions work. You are in a small group, chosen by chance, that this does"
        " not touch, so that we can tell whether it helps."
    )
    learned_unused: str = "Nothing that we have learned from others was used for this choice."
    holdout: str = (
        "The version for everybody. You are in a small group, chosen by chance, that always gets"
        " it, so that we can tell whether fitting pages to people helps at all."
    )
    forced: str = "Somebody of the team was looking at this version."
    disabled: str = "The version for everybody, as you asked."
    no_match: str = "The version for everybody: none of the other versions fits you."
    only_one: str = "There is only this version."
    unknown_visitor: str = (
        "The version for everybody: the others ask for what you have not told us."
    )
    no_consent: str = (
        "The version for everybody: the others ask for what you have not allowed us to use."
    )
    failed: str = "The version for everybody, because something went wrong on our side."
    asked_for: str = "They ask for: {facts}."
    unknown: str = "not known"
    rule: str = "The rule"
    generic_title: str = "The same pages as everybody"
    generic_off: str = (
        "You can have every page as it is written for everybody. What you told us stays, and"
        " decides nothing. You then count in no comparison."
    )
    generic_on: str = "You see every page as it is written for everybody, as you asked."
    generic_choose: str = "Show me generic content"
    generic_end: str = "Fit pages to me again"
    take_along: str = "Take along, or take back"
    export: str = "Everything as JSON"
    export_help: str = (
        "All that is kept of you: facts, events, decisions and comparisons, for you to keep or to"
        " give to somebody else."
    )
    erase: str = "Erase everything"
    erase_help: str = "Everything that is kept of you is removed for good, everywhere."
    erase_title: str = "Erase everything?"
    erase_text: str = (
        "All facts, events, decisions and comparisons that are kept of you are removed: from the"
        " database, its logs and archives. Nobody can bring them back, and this browser becomes a"
        " new visitor. What was counted without your id stays counted."
    )
    erase_first: str = "You may want to take it along first:"
    erase_now: str = "Yes, erase everything"
    erase_not: str = "No, keep it"
    erase_nothing: str = "Nothing is kept of you."
    withdrawn_title: str = "Erase what was kept so far, too?"
    withdrawn_text: str = (
        "From now on it is not used for what you have declined. It is still kept, and you can have"
        " it removed for good: everything, if nothing may be kept of you any more; otherwise the"
        " facts that served this purpose. Only your answer itself stays, so that it holds."
    )
    withdrawn_erase: str = "Yes, erase it"
    withdrawn_erased: str = "Done. What was kept for it is erased; only your answer itself stays."
    withdrawn_late: str = (
        "This offer stood for an hour, and is over. Your choice holds. Whoever runs this site can"
        " still erase what was kept."
    )
    stale_question: str = "You told us “{declared}” on {date}. Is that still right?"
    stale_why: str = "One click, and this site goes on speaking your language."
    drift_question: str = "You told us “{declared}”. Lately you have looked at “{suggestion}”."
    drift_why: str = "Which is right? What you say counts."
    more_question: str = "You told us “{declared}”. Lately you have looked at “{suggestion}” too."
    more_why: str = "Shall we add it? What you say counts."
    still: str = "Still {value}"
    yes_add: str = "Yes, add it"
    no_thanks: str = "No"
    not_allowed: str = "You have allowed us to keep nothing, so we cannot remember this."
    saving_allows: str = (
        "By saving you allow personalization: the site keeps this and uses it to choose what it"
        " shows you."
    )
    link_question: str = "This page speaks to {industry}."
    link_why: str = "The link that brought you here says so. Is that your industry?"
    network_question: str = "Are you in {industry}?"
    network_why: str = "Your network suggests it. What you say counts."
    yes_it_is: str = "Yes, {value}"


_MONATE: Final = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
    "Oktober", "November", "Dezember",
)  # fmt: skip

GERMAN_MY_DATA: Final = MyDataWords(
    months=_MONATE,
    date="{day}. {month} {year}",
    moment="{date}, {hour}:{minute:02} Uhr",
    contextual={
        "page.path": "Seite",
        "locale": "Sprache",
        "device": "Gerät",
        "referrer.host": "Woher Sie kamen",
        "utm.source": "Quelle der Kampagne",
        "utm.medium": "Medium der Kampagne",
        "utm.campaign": "Kampagne",
        "hour": "Stunde",
        "weekday": "Wochentag",
        "persona": "Persona",
        "identified": "Angemeldet",
        "network.industry": "Branche, die Ihr Netz nahelegt",
    },
    since="seit {date}",
    newest="zuletzt geändert am {date}",
    traces={
        "page": "Seite {it}",
        "section": "Seiten unter {it}",
        "screen": "Ansicht {it}",
        "from": "gekommen von {it}",
        "source": "Quelle der Kampagne {it}",
        "medium": "Medium der Kampagne {it}",
        "campaign": "Kampagne {it}",
        "device": "Gerät {it}",
        "event": "{it}",
        "category": "Warengruppe {it}",
        "hours": "zwischen {it}",
        "weekend": "am Wochenende",
    },
    sure="zu {percent} % sicher, nach dem, was andere taten; was Sie sagen, gilt stattdessen",
    guessed="{fact} (unsere Vermutung)",
    not_used="Aufbewahrt, aber nicht verwendet: Sie haben es nicht erlaubt.",
    uses="Wofür es verwendet wird",
    uses_pages="Es kann {count} Stellen ändern auf: {pages}.",
    uses_page="Es kann eine Stelle ändern auf: {pages}.",
    uses_persona="Ihre Persona folgt daraus.",
    uses_audiences="Es bringt Sie in diese Zielgruppen oder hält Sie heraus: {audiences}.",
    uses_experiments="Es entscheidet, ob Sie teilnehmen an: {experiments}.",
    uses_questions="Es kann der Grund sein, dass wir Sie fragen nach: {facts}.",
    uses_nothing="Zurzeit für nichts.",
    change="Ändern",
    delete="Löschen",
    save="Speichern",
    one_a_line="Eines in jeder Zeile",
    not_saved="Das wurde nicht gespeichert. {problem}",
    saved="Gespeichert. Es gilt ab dieser Seite.",
    deleted="Gelöscht. Diese Website verwendet es nicht mehr.",
    erased="Gelöscht. Diese Website weiß nichts mehr von Ihnen.",
    started_over="Erledigt. Die Website begegnet Ihnen wie beim ersten Besuch.",
    taken_for="Wofür die Website Sie hält",
    persona="Ihre Persona",
    no_persona="Keine: Für eine spricht zu wenig.",
    audiences="Zielgruppen, zu denen Sie gehören",
    no_audiences="Keine.",
    why="Warum sehe ich das?",
    why_intro=(
        "Die Seiten, die Sie zuletzt gesehen haben, und für jeden Teil, warum er so war."
        " Festgehalten, als Sie ihn sahen."
    ),
    why_nothing="Noch ist keine Ihrer Seiten festgehalten.",
    why_carried=(
        "Von Ihnen ist nichts festgehalten. Am Fuß jeder Seite sagt „Warum sehe ich das?“ es für"
        " diese Seite."
    ),
    why_carried_intro=(
        "Diese Seite trug ihre Erklärung selbst in dem Link, den Sie geöffnet haben. Nichts davon"
        " wird aufbewahrt."
    ),
    why_expired=(
        "Dieser Link ist älter als {days} Tage, und nichts davon wurde aufbewahrt. Öffnen Sie die"
        " Seite noch einmal: Sie bringt einen neuen mit."
    ),
    why_foreign=(
        "Dieser Link ist nicht lesbar: Er ist unvollständig, verändert oder nicht von hier. Öffnen"
        " Sie die Seite noch einmal: Sie bringt einen neuen mit."
    ),
    why_back="Zur Seite",
    older="Weiter zurück",
    older_note="Das sind die neuesten. Ältere Seiten liegen im Archiv, das dauert einen Moment.",
    older_later="Zu viele fragen gleichzeitig, darum fehlt das Archiv.",
    other_page="Eine andere Seite",
    receipt="Beleg als JSON",
    targeted="Diese Fassung passt zu dem, was von Ihnen bekannt ist:",
    targeted_always="Diese Fassung ist zurzeit für alle da.",
    ordered="In einer Reihenfolge, die zu dem passt, was von Ihnen bekannt ist.",
    arm=(
        "Sie nehmen an einem Vergleich teil. Der Zufall hat Sie in die Gruppe „{arm}“ gelost, und"
        " dort bleiben Sie."
    ),
    learned=(
        "Der Zufall hat unter den Fassungen gewählt, die zu Ihnen passen. Wir lernen aus dem, was"
        " Besucher tun, welche davon gut sind, und zeigen diese häufiger."
    ),
    learned_chance="Wahrscheinlichkeit dieser Fassung: {percent} %",
    learned_held_out=(
        "Wir lernen, welche Fassungen gut sind. Sie gehören zu einer kleinen, zufällig gewählten"
        " Gruppe, die das nicht betrifft, damit wir sehen, ob es hilft."
    ),
    learned_unused="Für diese Wahl wurde nichts verwendet, was wir von anderen gelernt haben.",
    holdout=(
        "Die Fassung für alle. Sie gehören zu einer kleinen, zufällig gewählten Gruppe, die sie"
        " immer bekommt, damit wir sehen, ob angepasste Seiten überhaupt helfen."
    ),
    forced="Jemand aus dem Team hat sich diese Fassung angesehen.",
    disabled="Die Fassung für alle, wie Sie es wünschen.",
    no_match="Die Fassung für alle: Keine der anderen Fassungen passt zu Ihnen.",
    only_one="Es gibt nur diese Fassung.",
    unknown_visitor=(
        "Die Fassung für alle: Die anderen fragen nach etwas, das Sie uns nicht gesagt haben."
    ),
    no_consent=(
        "Die Fassung für alle: Die anderen fragen nach etwas, dessen Verwendung Sie nicht erlaubt"
        " haben."
    ),
    failed="Die Fassung für alle, weil bei uns etwas schiefgegangen ist.",
    asked_for="Gefragt ist: {facts}.",
    unknown="nicht bekannt",
    rule="Die Regel",
    generic_title="Dieselben Seiten wie alle",
    generic_off=(
        "Sie können jede Seite so bekommen, wie sie für alle geschrieben ist. Was Sie uns gesagt"
        " haben, bleibt und entscheidet nichts. Sie zählen dann in keinem Vergleich."
    ),
    generic_on="Sie sehen jede Seite so, wie sie für alle geschrieben ist, wie Sie es wünschen.",
    generic_choose="Allgemeine Inhalte zeigen",
    generic_end="Seiten wieder an mich anpassen",
    take_along="Mitnehmen oder zurücknehmen",
    export="Alles als JSON",
    export_help=(
        "Alles, was von Ihnen aufbewahrt wird: Angaben, Ereignisse, Entscheidungen und Vergleiche,"
        " für Sie oder zum Weitergeben."
    ),
    erase="Alles löschen",
    erase_help="Alles, was von Ihnen aufbewahrt wird, wird endgültig entfernt, überall.",
    erase_title="Alles löschen?",
    erase_text=(
        "Alle Angaben, Ereignisse, Entscheidungen und Vergleiche, die von Ihnen aufbewahrt werden,"
        " werden entfernt: aus der Datenbank, ihren Protokollen und Archiven. Niemand kann sie"
        " zurückholen, und dieser Browser wird zu einem neuen Besuch. Was ohne Ihr Kennzeichen"
        " gezählt wurde, bleibt gezählt."
    ),
    erase_first="Vielleicht möchten Sie es vorher mitnehmen:",
    erase_now="Ja, alles löschen",
    erase_not="Nein, behalten",
    erase_nothing="Von Ihnen wird nichts aufbewahrt.",
    withdrawn_title="Auch löschen, was bisher aufbewahrt wurde?",
    withdrawn_text=(
        "Für das, was Sie abgelehnt haben, wird es von jetzt an nicht mehr verwendet. Aufbewahrt"
        " ist es noch, und Sie können es endgültig entfernen lassen: alles, wenn von Ihnen nichts"
        " mehr aufbewahrt werden darf; sonst die Angaben, die diesem Zweck dienten. Nur Ihre"
        " Antwort selbst bleibt, damit sie gilt."
    ),
    withdrawn_erase="Ja, löschen",
    withdrawn_erased=(
        "Erledigt. Was dafür aufbewahrt wurde, ist gelöscht; nur Ihre Antwort selbst bleibt."
    ),
    withdrawn_late=(
        "Dieses Angebot galt eine Stunde und ist vorbei. Ihre Wahl gilt. Wer diese Website"
        " betreibt, kann weiterhin löschen, was aufbewahrt wurde."
    ),
    stale_question="Sie haben uns am {date} „{declared}“ gesagt. Stimmt das noch?",
    stale_why="Ein Klick, und diese Seite spricht weiter Ihre Sprache.",
    drift_question=(
        "Sie haben uns „{declared}“ gesagt. Zuletzt haben Sie sich „{suggestion}“ angesehen."
    ),
    drift_why="Was stimmt? Es gilt, was Sie sagen.",
    more_question=(
        "Sie haben uns „{declared}“ gesagt. Zuletzt haben Sie sich auch „{suggestion}“ angesehen."
    ),
    more_why="Sollen wir das hinzufügen? Es gilt, was Sie sagen.",
    still="Weiterhin {value}",
    yes_add="Ja, hinzufügen",
    no_thanks="Nein",
    not_allowed="Sie haben uns nichts aufzubewahren erlaubt, also können wir uns das nicht merken.",
    saving_allows=(
        "Mit dem Speichern erlauben Sie Personalisierung: Die Seite behält diese Angabe und wählt"
        " danach, was sie Ihnen zeigt."
    ),
    link_question="Diese Seite spricht {industry} an.",
    link_why="So sagt es der Link, über den Sie gekommen sind. Ist das Ihre Branche?",
    network_question="Ist {industry} Ihre Branche?",
    network_why=("Ihr Netz legt das nahe. Es gilt, was Sie sagen."),
    yes_it_is="Ja, {value}",
)
