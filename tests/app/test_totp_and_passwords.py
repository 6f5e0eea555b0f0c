"""The second factor by its standard, and which passwords are taken."""

from __future__ import annotations

import asyncio
import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persx.app import passwords
from persx.app.passwords import LEAST, PasswordDesk, check_password, is_old
from persx.app.throttle import ADDRESS, PAIR, Limit, Throttle
from persx.app.totp import (
    STEP,
    code,
    matching_step,
    new_recovery_codes,
    new_secret,
    opened,
    recovery_hash,
    sealed,
)
from persx.model.clock import HOUR, MINUTE, SECOND
from persx.model.errors import BadInput, Unavailable
from persx.web.qr import qr_code
from tests.staff import PHRASE

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_vectors_of_rfc_6238(second: int, expected: str) -> None:
    assert code(RFC_SECRET, second // 30, digits=8) == expected
    assert matching_step(RFC_SECRET, expected[2:], second * 1_000) == second // 30


def test_a_code_is_good_one_step_around_and_once() -> None:
    secret, now = new_secret(), 1_790_000_010_000
    step = now // STEP
    for drift, good in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        found = matching_step(secret, code(secret, step + drift), now)
        assert (found == step + drift) is good
    assert matching_step(secret, code(secret, step), now, after=step) is None, "used"
    assert matching_step(secret, code(secret, step - 1), now, after=step) is None, "older"
    assert matching_step(secret, code(secret, step + 1), now, after=step) == step + 1


def test_a_secret_is_kept_sealed_and_opens_with_its_key_only() -> None:
    secret = new_secret()
    kept = sealed(secret, "home")
    assert opened(kept, "home") == secret
    assert opened(kept, "another home") != secret
    assert sealed(secret, "home") != kept, "each time under another pad"
    assert opened(secret, "home") == secret, "as earlier versions kept it"


@given(st.text(max_size=20))
def test_no_text_is_a_code_but_the_code(text: str) -> None:
    step = matching_step(RFC_SECRET, text, 59_000)
    assert step is None or text == code(RFC_SECRET, step)


def test_recovery_codes_are_read_as_people_write_them() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    one = codes[0]
    kept = recovery_hash(one, "secret")
    assert one.replace("-", "") not in kept
    for written in (one.upper(), one.replace("-", ""), f" {one} ", one.replace("-", " ")):
        assert recovery_hash(written, "secret") == kept
    assert recovery_hash(one, "another home") != kept
    assert recovery_hash("", "secret") not in {recovery_hash(each, "secret") for each in codes}


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", "needs at least"),
        ("x" * 300, "longer than"),
        ("aaaaaaaaaaaaaaaa", "guessed first"),
        ("password12345!", "guessed first"),
        ("Passwort-2026!!", "guessed first"),
        ("123456789012", "guessed first"),
        ("qwertyuiopas", "guessed first"),
        ("welcome admin 2026", "guessed first"),
        ("ada@example.com1", "your name"),
        ("lovelace-2026", "your name"),
    ],
)
def test_what_is_easily_guessed_is_refused_and_never_repeated(password: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem) as raised:
        check_password(password, ("ada@example.com", "Ada Lovelace"))
    assert password not in str(raised.value)
    assert raised.value.value is None


@pytest.mark.parametrize(
    "password",
    [PHRASE, "correct horse battery", "ünïcödé wörter hier", "zkqvmwpldgxb", "🏃🏃🌍 läuft immer"],
)
def test_length_is_enough(password: str) -> None:
    assert len(password) >= LEAST
    check_password(password, ("ada@example.com", "Ada"))


def test_a_password_is_the_same_however_its_letters_are_composed() -> None:
    async def scenario() -> None:
        desk = PasswordDesk()
        kept = await desk.hash("cafe\u0301 au lait, bitte")
        assert await desk.verify(kept, "caf\u00e9 au lait, bitte")
        assert kept.startswith("$argon2id$")
        assert not is_old(kept)
        assert not await desk.verify("", "caf\u00e9 au lait, bitte"), "nobody's is never right"
        assert not await desk.verify("nonsense", "x")
        assert not await desk.verify(kept, "x" * 100_000)

    asyncio.run(scenario())


def test_who_is_nobody_is_compared_at_the_same_cost() -> None:
    assert not is_old(passwords._NOBODYS)


def test_a_flood_is_turned_away_and_the_loop_goes_on() -> None:
    async def scenario() -> None:
        desk = PasswordDesk(at_once=1, waiting=2)
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        ticking = asyncio.create_task(tick())
        results = await asyncio.gather(
            *(desk.verify("", "guess") for _ in range(10)), return_exceptions=True
        )
        ticking.cancel()
        refused = [each for each in results if isinstance(each, Unavailable)]
        assert len(refused) == 7
        assert [each for each in results if each is False] == [False] * 3
        assert turns > 20, "others had their turn while hashes were computed"
        assert not await desk.verify("", "later"), "the places are free again"

    asyncio.run(scenario())


def test_waits_grow_and_end() -> None:
    throttle = Throttle()
    tries, now, waits = [(PAIR, "ada from here")], 0, []
    for _ in range(30):
        if wait := throttle.admit(tries, now):
            waits.append(wait)
            now += wait
            assert throttle.admit(tries, now) == 0
    assert waits[:5] == [SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND, 16 * SECOND]
    assert max(waits) == PAIR.longest
    assert throttle.admit(tries, now + HOUR + 1) == 0
    assert throttle.admit(tries, now + HOUR + 1) == 0, "an hour later it begins anew"


def test_asking_too_early_makes_nobody_wait_longer() -> None:
    throttle = Throttle()
    tries = [(Limit(1, MINUTE), "x")]
    throttle.admit(tries, 0)
    assert [throttle.admit(tries, moment) for moment in (0, 400, 999)] == [1_000, 600, 1]
    assert throttle.admit(tries, 1_000) == 0


def test_what_is_right_is_forgiven_and_others_stay_counted() -> None:
    throttle = Throttle()
    pair, address = [(PAIR, "pair")], [(ADDRESS, "address")]
    for _ in range(PAIR.free):
        throttle.admit([*pair, *address], 0)
    assert throttle.admit(pair, 0) > 0
    throttle.forgive(pair)
    assert throttle.admit(pair, 0) == 0
    throttle.forgive(address, all=False)
    for _ in range(ADDRESS.free - PAIR.free + 1):
        assert throttle.admit(address, 0) == 0
    assert throttle.admit(address, 0) > 0


def test_the_table_is_bounded_and_names_nobody() -> None:
    throttle = Throttle(most=100)
    for number in range(1_000):
        throttle.admit([(PAIR, f"name-{number}")], 0)
    assert len(throttle) == 100
    assert b"name" not in b"".join(throttle._counters)


def test_a_qr_code_is_square_and_has_its_three_eyes() -> None:
    drawn = qr_code("otpauth://totp/Shop:ada?secret=" + new_secret())
    rows = [["."] * drawn.size for _ in range(drawn.size)]
    for piece in drawn.path.split("M")[1:]:
        place, _, rest = piece.partition("h")
        x, y = map(int, place.split())
        for column in range(x, x + int(rest.partition("v")[0])):
            rows[y][column] = "#"
    eye = ["#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#", "#######"]
    last = drawn.size - 4 - 7
    for top, left in ((4, 4), (4, last), (last, 4)):
        assert ["".join(row[left : left + 7]) for row in rows[top : top + 7]] == eye
    assert not any("#" in row for row in rows[:4] + rows[-4:]), "the quiet zone"
