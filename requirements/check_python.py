"""Say whether this Python can have Doorstep's locked packages, and whether the tests run with it.

requirements/make_environment.sh runs it with each Python of 3.11 or newer that it finds: exit code
1 and the reason on standard output where the packages have no wheels; 0 and a remark, or nothing,
where they have.
"""

import platform
import sys
import sysconfig

TESTED = ((3, 11), (3, 12), (3, 13))
"""The versions with which the workflow runs the test command."""
NEWEST = (3, 14)
"""The newest version for which every locked package has a wheel; raise it with the locks."""


def named(version: tuple[int, ...]) -> str:
    """Return a version as text, without what follows the minor version."""
    return ".".join(str(number) for number in version[:2])


def reason_against(
    version: tuple[int, ...], implementation: str, machine: str, *, is_free_threaded: bool
) -> str:
    """Return why the locked packages cannot be installed; empty where they can.

    Args:
        version: of Python.
        implementation: of Python, as ``sys.implementation.name``.
        machine: as ``sysconfig.get_platform()``, with ``-musl`` where the C library is musl.
        is_free_threaded: whether it is a build without the global interpreter lock.
    """
    if version[:2] > NEWEST:
        return (
            f"Python {named(version)} is newer than the locked packages, which have wheels up to"
            f" {named(NEWEST)}"
        )
    if implementation != "cpython":
        return f"the locked packages have wheels for CPython, and this is {implementation}"
    if is_free_threaded:
        return "the locked packages have no wheels for a Python without the global interpreter lock"
    if machine.startswith("macosx") and not machine.endswith(("arm64", "universal2")):
        return f"the locked packages have wheels for macOS on Apple silicon, and this is {machine}"
    if machine.endswith("-musl"):
        return "the locked packages have wheels for Linux with glibc, and this one has musl"
    return ""


def remark_on(version: tuple[int, ...]) -> str:
    """Return what to know of a version that works as far as anybody knows; empty if tested."""
    if version[:2] in TESTED:
        return ""
    tested = ", ".join(named(one) for one in TESTED)
    return f"Nobody runs the tests with Python {named(version)}; they run with {tested}."


def _machine() -> str:
    # A universal build of macOS runs as what the processor is.
    found = sysconfig.get_platform().replace("universal2", platform.machine())
    c_library = str(sysconfig.get_config_var("HOST_GNU_TYPE") or "")
    return f"{found}-musl" if c_library.endswith("-musl") else found


if __name__ == "__main__":
    refusal = reason_against(
        tuple(sys.version_info),
        sys.implementation.name,
        _machine(),
        is_free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    )
    sys.stdout.write(refusal or remark_on(tuple(sys.version_info)))
    sys.exit(1 if refusal else 0)
