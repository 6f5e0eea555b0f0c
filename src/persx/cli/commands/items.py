"""`persx items`: look at the catalogue, hide and remove items."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from persx.app.commands import call
from persx.app.item_keeping import HIDE_ITEMS, REMOVE_ITEMS, HideItems, ItemIds
from persx.app.item_listing import LIST_ITEMS, SHOW_ITEM, ListedItem, ListItems, ShowItem, Shown
from persx.cli.options import home_option, json_option, print_json
from persx.model.clock import iso
from persx.model.counting import counted
from persx.model.item import Item


@click.group("items")
def command() -> None:
    """Look at the items that can be recommended; hide and remove them.

    Items are brought in with `persx import items`; products, articles and cards of the workspace
    are items by themselves.

    \b
    Example:  persx items list --search shoe --home shop
              persx items hide storm --home shop
    """


@command.command("list")
@click.option("--search", default="", help="Words that an id, title, brand, category or tag holds.")
@click.option("--category", default="", metavar="A/B", help="Only of a category, or within it.")
@click.option(
    "--show",
    type=click.Choice([each.value for each in Shown]),
    default=Shown.ALL.value,
    show_default=True,
    help="Only items that can be recommended, that are not available, or that are hidden.",
)
@click.option("--after", default="", metavar="ID", help="Only ids after this one.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000),
    default=50,
    show_default=True,
    help="So many at most.",
)
@home_option(must_exist=True)
@json_option
def list_(
    search: str, category: str, show: str, after: str, limit: int, home: Path, as_json: bool
) -> None:
    """List items in the order of their ids.

    \b
    Example:  persx items list --category Running --show unavailable --home shop
    """
    asked = ListItems(
        search=search,
        category=tuple(part.strip() for part in category.split("/") if part.strip()),
        show=Shown(show),
        after=after,
        limit=limit,
    )
    found = call(home, LIST_ITEMS, asked)
    if as_json:
        print_json(found)
        return
    if not found.total:
        click.echo(f"There are no items yet. Bring some in: persx import items FILE --home {home}")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("id", "title", "category"):
        table.add_column(heading, overflow="fold")
    table.add_column("price", justify="right")
    table.add_column("state")
    for each in found.items:
        item = each.item
        price = "" if item.price is None else f"{item.price:,.2f}"
        # As text: what stands in a feed is nobody's markup.
        cells = (item.id, item.title, " > ".join(item.category), price, state_of(item))
        table.add_row(*map(Text, cells))
    Console(width=None if Console().is_terminal else 200).print(table)
    click.echo(f"{found.matching:,} of {counted(found.total, 'item')}.")
    if found.next:
        click.echo(f"More: --after '{found.next}'")


def state_of(item: Item) -> str:
    """Return whether an item may be shown, in a word."""
    if item.hidden:
        return "hidden"
    return "shown" if item.available else "unavailable"


@command.command("show")
@click.argument("id")
@home_option(must_exist=True)
@json_option
def show(id: str, home: Path, as_json: bool) -> None:
    """Show one item, by its id or the path of its page.

    \b
    Example:  persx items show /products/storm --home shop
    """
    found = call(home, SHOW_ITEM, ShowItem(id=id))
    if as_json:
        print_json(found)
        return
    for name, value in _facts(found):
        if value:
            click.echo(f"{name:<11} {value}")


def _facts(found: ListedItem) -> list[tuple[str, str]]:
    item = found.item
    attributes = ", ".join(f"{name} = {value}" for name, value in sorted(item.attributes.items()))
    return [
        ("id", item.id),
        ("title", item.title),
        ("state", state_of(item)),
        ("category", " > ".join(item.category)),
        ("brand", item.brand),
        ("price", "" if item.price is None else f"{item.price:,.2f}"),
        ("before", "" if item.was is None else f"{item.was:,.2f}"),
        ("tags", ", ".join(item.tags)),
        ("page", item.url),
        ("picture", item.image or item.art),
        ("added", iso(item.added) if item.added else ""),
        ("attributes", attributes),
        ("from", "the workspace" if found.workspace else "an import"),
        ("text", item.text),
        *(
            (f"in {locale}", " · ".join(filter(None, (each.title, each.text, each.url))))
            for locale, each in sorted(item.translations.items())
        ),
    ]


@command.command("hide")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@home_option(must_exist=True)
@json_option
def hide(ids: tuple[str, ...], home: Path, as_json: bool) -> None:
    """Take items out of every recommendation, from the next request on.

    A later import leaves them hidden unless it says otherwise.

    \b
    Example:  persx items hide storm drizzle --home shop
    """
    _hide(ids, home, as_json, hidden=True)


@command.command("unhide")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@home_option(must_exist=True)
@json_option
def unhide(ids: tuple[str, ...], home: Path, as_json: bool) -> None:
    """Let hidden items be recommended again.

    \b
    Example:  persx items unhide storm --home shop
    """
    _hide(ids, home, as_json, hidden=False)


def _hide(ids: tuple[str, ...], home: Path, as_json: bool, *, hidden: bool) -> None:
    done = call(home, HIDE_ITEMS, HideItems(ids=ids, hidden=hidden))
    if as_json:
        print_json(done)
        return
    word = "hidden" if hidden else "no longer hidden"
    click.echo(f"{counted(len(ids), 'item')} {'is' if len(ids) == 1 else 'are'} {word}.")


@command.command("remove")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@home_option(must_exist=True)
@json_option
def remove(ids: tuple[str, ...], home: Path, as_json: bool) -> None:
    """Remove items that were imported or sent.

    \b
    Example:  persx items remove sku-1 sku-2 --home shop
    """
    done = call(home, REMOVE_ITEMS, ItemIds(ids=ids))
    if as_json:
        print_json(done)
        return
    click.echo(f"{counted(done.removed, 'item')} removed.")
