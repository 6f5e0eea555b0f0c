"""Signing: what visitors carry for us, so that nobody else can have written it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from itsdangerous import Signer as ItsSigner

from persx.model.attribute import Purpose, Value
from persx.model.clock import DAY, SECOND, Millis
from persx.model.visitor import Grant
from persx.visitors.questions import AskingSession

LINK_DAYS: Final = 90
"""For so long a link to somebody's preferences works."""


class SignedState(msgspec.Struct, frozen=True, array_like=True):
    """What the state cookie carries: declared facts, and when they were declared."""

    at: Millis
    facts: dict[str, Value]


class Signer:
    """Signs what visitors carry for us: id, declared facts, answers, exposures, receipts."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._visitor = URLSafeSerializer(secret, salt="visitor")
        self._state = URLSafeSerializer(secret, salt="state")
        self._consent = URLSafeSerializer(secret, salt="consent")
        self._asked = URLSafeSerializer(secret, salt="asked")
        self._preferences = URLSafeTimedSerializer(secret, salt="preferences")
        self._exposure = URLSafeTimedSerializer(secret, salt="exposure")
        self._receipt = URLSafeSerializer(secret, salt="receipt")
        self._click = URLSafeTimedSerializer(secret, salt="click")

    def signature(self, purpose: str, content: bytes) -> str:
        """Return what proves that this home has said something, for one purpose."""
        return ItsSigner(self._secret, salt=purpose).get_signature(content).decode()

    def signs(self, signature: str, purpose: str, content: bytes) -> bool:
        """Tell whether a signature is ours, for this purpose and content."""
        signer = ItsSigner(self._secret, salt=purpose)
        return signer.verify_signature(content, signature.encode("utf-8", "replace"))

    def visitor(self, anonymous_id: str) -> str:
        """Return the visitor cookie's value."""
        return str(self._visitor.dumps(anonymous_id))

    def read_visitor(self, text: str) -> str:
        """Return the anonymous id that a visitor cookie carries; empty where it is not ours."""
        try:
            found = self._visitor.loads(text)
        except BadSignature:
            return ""
        return found if isinstance(found, str) else ""

    def state(self, state: SignedState) -> str:
        """Return the state cookie's value."""
        return str(self._state.dumps(msgspec.to_builtins(state)))

    def read_state(self, text: str) -> SignedState | None:
        """Return what a state cookie carries; none where it is not ours."""
        try:
            return msgspec.convert(self._state.loads(text), SignedState)
        except (BadSignature, msgspec.ValidationError):
            return None

    def consent(self, answers: Mapping[Purpose, Grant]) -> str:
        """Return the consent cookie's value."""
        return str(self._consent.dumps(msgspec.to_builtins(answers)))

    def read_consent(self, text: str) -> dict[Purpose, Grant]:
        """Return the answers that a consent cookie carries; none where it is not ours."""
        try:
            return msgspec.convert(self._consent.loads(text), dict[Purpose, Grant])
        except (BadSignature, msgspec.ValidationError):
            return {}

    def asked(self, session: AskingSession) -> str:
        """Return the value of the cookie with what a session asked."""
        return str(self._asked.dumps(msgspec.to_builtins(session)))

    def read_asked(self, text: str) -> AskingSession:
        """Return what a session asked; nothing where the cookie is not ours."""
        try:
            return msgspec.convert(self._asked.loads(text), AskingSession)
        except (BadSignature, msgspec.ValidationError):
            return AskingSession()

    def preferences(self, user_id: str) -> str:
        """Return a token that leads to a user's preferences, and to nothing else of theirs."""
        return str(self._preferences.dumps(user_id))

    def read_preferences(self, text: str) -> tuple[str, Millis] | None:
        """Return whose preferences a token leads to, and when it was made; none if not ours."""
        try:
            found, made = self._preferences.loads(
                text, max_age=LINK_DAYS * DAY // SECOND, return_timestamp=True
            )
        except BadSignature:
            return None
        return (found, int(made.timestamp()) * SECOND) if isinstance(found, str) else None

    def exposure(self, payload: object) -> str:
        """Return a token that confirms the delivery of one page."""
        return str(self._exposure.dumps(msgspec.to_builtins(payload)))

    def read_exposure(self, token: str, max_age_seconds: int) -> object | None:
        """Return what an exposure token says; none where it is not ours or too old."""
        try:
            found: object = self._exposure.loads(token, max_age=max_age_seconds)
        except BadSignature:
            return None
        return found

    def receipt(self, payload: object) -> str:
        """Return a token that tells why a page was as it was."""
        return str(self._receipt.dumps(msgspec.to_builtins(payload)))

    def read_receipt(self, token: str) -> object | None:
        """Return what a receipt's token says; none where it is not ours."""
        try:
            found: object = self._receipt.loads(token)
        except BadSignature:
            return None
        return found

    def click(self, payload: object) -> str:
        """Return a token that tells of a click on one recommendation."""
        return str(self._click.dumps(msgspec.to_builtins(payload)))

    def read_click(self, token: str) -> tuple[object, Millis] | None:
        """Return what a click's token says, and when it was made; none where it is not ours."""
        try:
            found, made = self._click.loads(token, return_timestamp=True)
        except BadSignature:
            return None
        return found, int(made.timestamp()) * SECOND
