"""Command lines: parameters that commands share, exit statuses, and how errors are told.

A command ends with 0 when its work is done, with 1 when the work failed, with 2 and its usage when it was asked for
something that cannot be, and with 128 and the signal's number when it was interrupted. The kind of an error decides,
wherever it is raised.
"""

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from jobs.interruption import exit_status, interruptible
from shared.errors import InvalidField, MarqueeError, NotFound, SettingsError

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
CALLED: Final = "{command}"
"""Place of the command's name in the examples of its help: it can be called in two ways."""


class Interrupted(click.ClickException):
    """Ctrl-C or SIGTERM during the work of a command; the message says what it left and how to go on."""

    def __init__(self, message: str, interrupt: KeyboardInterrupt) -> None:
        super().__init__(message)
        self.status = exit_status(interrupt)


class Job(click.Command):
    """Command whose errors say by their kind whether the command line was wrong or the work failed.

    Wrong are a setting, an argument or an option that cannot be used, and a name of something that does not exist.

    Parameters
    ----------
    interrupted : line that is printed after Ctrl-C or SIGTERM.
    given : those of `click.Command`.
    """

    def __init__(self, *args: Any, interrupted: str = "interrupted", **given: Any) -> None:
        super().__init__(*args, **given)
        self._interrupted = interrupted

    def get_help(self, ctx: click.Context) -> str:
        """Help, with examples that name the command as it was called."""
        return super().get_help(ctx).replace(CALLED, ctx.command_path)

    def invoke(self, ctx: click.Context) -> Any:
        """Work of the command; raises `click.UsageError`, `click.ClickException` or `Interrupted`."""
        try:
            return super().invoke(ctx)
        except (SettingsError, NotFound) as error:
            raise click.UsageError(str(error), ctx) from error
        except InvalidField as error:
            if error.field in self._parameter_names():
                raise click.UsageError(str(error), ctx) from error
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise
        except (MarqueeError, OSError) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt as interrupt:
            raise Interrupted(self._interrupted, interrupt) from interrupt

    def _parameter_names(self) -> set[str]:
        """Names under which an error may tell of a parameter: options as they are typed, arguments as in the usage."""
        names = {name for parameter in self.params for name in parameter.opts}
        return names | {parameter.human_readable_name for parameter in self.params}


def run(command: click.Command, arguments: Sequence[str] | None = None, *, name: str) -> int:
    """Run of a command line; returns the exit status.

    SIGTERM, by which services stop jobs, interrupts like Ctrl-C: leases are released and temporary files deleted.

    Parameters
    ----------
    arguments : words after the command; None for those of the process.
    name : what the usage calls the command, such as `python -m jobs.load`.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with interruptible(), command.make_context(name, words) as context:
            command.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_USAGE
    except click.UsageError as error:
        if error.ctx is not None:
            path = error.ctx.command_path
            click.echo(f"{error.ctx.get_usage()}\nTry '{path} --help' for help.\n", err=True)
        click.echo(f"error: {error.format_message()}", err=True)
        return WRONG_USAGE
    except Interrupted as error:
        click.echo(error.format_message(), err=True)
        return error.status
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        return error.exit_code
    except KeyboardInterrupt as interrupt:
        click.echo("interrupted", err=True)
        return exit_status(interrupt)
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # The reader of a pipe has seen enough; Python would complain that it cannot flush what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return DONE


class OutputFile(click.Path):
    """Parameter type of a file that a command writes: its folder must exist."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Path of the file; a usage error where no file can be written."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"expected a file in a folder that exists, got {str(path)!r}", param, ctx)
        if not path.exists() and not os.access(path.parent, os.W_OK):
            self.fail(f"expected a file that can be written, got {str(path)!r}", param, ctx)
        return path
