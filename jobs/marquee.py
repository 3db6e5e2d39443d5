"""All commands as subcommands of one: `venv/bin/marquee`, which `make setup` makes, or `python -m jobs.marquee`."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

import click

from jobs.commandline import run


@dataclass(frozen=True, slots=True)
class Entry:
    """Entry of a command: where it is, and what the list of commands says of it.

    Attributes
    ----------
    place : module and attribute, such as `jobs.load:command`; imported when the command is asked for.
    does : description of a few words.
    """

    place: str
    does: str


SECTIONS: Final[Mapping[str, Mapping[str, Entry]]] = {
    "Try it": {
        "demo": Entry("jobs.demo:command", "run the whole app on this machine, no Firebase needed"),
        "sample": Entry("jobs.sample:command", "generate CSV files of a city"),
    },
    "Data": {
        "load": Entry("jobs.load:command", "load CSV files into a store"),
        "restore": Entry("jobs.restore:command", "rebuild a lost store from the ledger"),
    },
    "Models": {
        "train": Entry("jobs.retrain:command", "train, compare and publish a model"),
        "digest": Entry("jobs.digest:command", "reduce the ledger for trainings past ten million interactions"),
        "versions": Entry("jobs.versions:command", "list the published models"),
        "rollback": Entry("jobs.rollback:command", "put an earlier model back into service"),
        "backtest": Entry("jobs.backtest:command", "write lists as of a day in the past"),
    },
    "Lists": {
        "recommend": Entry("jobs.recommend:command", "write lists for all users, such as for e-mails"),
    },
    "Monitoring": {
        "report": Entry("jobs.report:command", "show the daily reports"),
        "experiment": Entry("jobs.experiment:command", "say which variant of an experiment is better"),
    },
    "Deployment": {
        "init": Entry("jobs.init:command", "add Marquee to the Firebase project of an app"),
        "remove": Entry("jobs.remove:command", "remove Marquee from a Firebase project"),
        "check": Entry("jobs.check:command", "say how a store's documents are read, and what is missing"),
        "render": Entry("jobs.render:command", "write rules, indexes and functions.yaml from marquee.toml"),
        "newkey": Entry("jobs.newkey:command", "add a key to a deployment"),
    },
}
"""Commands by section of the help, which imports none of them: it would take seconds."""


class Sections(click.Group):
    """Group of commands that are imported on demand, listed by section."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Command by name, None for an unknown one."""
        for section in SECTIONS.values():
            if cmd_name in section:
                module, _, attribute = section[cmd_name].place.partition(":")
                command: click.Command = getattr(import_module(module), attribute)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Command that the words name; a usage error with the names of all for an unknown one."""
        if args and args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            ctx.fail(f"expected one of {', '.join(self.list_commands(ctx))}, got {args[0]!r}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List of the commands by section, with columns of one width."""
        width = max(map(len, self.list_commands(ctx)))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), entry.does) for name, entry in section.items()])


command = Sections(
    "marquee",
    help="Event recommendations for Firebase apps. Stores are those of the settings, by default SQLite and a folder "
    "in .marquee/ below the working directory. Names are those of marquee.toml, or of the file that MARQUEE_CONFIG "
    "names, such as APP/marquee/marquee.toml of an app. `marquee COMMAND --help` explains a command.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of all commands; returns the exit status."""
    return run(command, arguments, name="marquee")


if __name__ == "__main__":
    sys.exit(main())
