"""Set the formatters of BentoML, which configures logging several times while it starts."""

from __future__ import annotations

from services.bento.internals import INTERNALS, check_internals
from services.middleware.log_setup import MaskedFormatter, is_json
from services.middleware.request_log import JsonFormatter

__all__ = ["set_up_bentoml_logs"]


def set_up_bentoml_logs(service: str) -> None:
    """Give BentoML's log lines the format of all others; call it after ``set_up_logs``.

    Args:
        service: the name in each line.

    Raises:
        InternalChanged: BentoML has moved its configurations.
    """
    check_internals(one for one in INTERNALS if one.module == "bentoml._internal.log")
    from bentoml._internal.log import CLI_LOGGING_CONFIG, SERVER_LOGGING_CONFIG

    for config in (CLI_LOGGING_CONFIG, SERVER_LOGGING_CONFIG):
        config["disable_existing_loggers"] = False
        for formatter in config["formatters"].values():
            given = {"fmt": formatter.get("format"), "datefmt": formatter.get("datefmt")}
            formatter.clear()
            if is_json():
                formatter |= {"()": JsonFormatter, "service": service}
            else:
                formatter |= {"()": MaskedFormatter, **given}
        for named in config["loggers"].values():
            named["propagate"] = False  # otherwise each of their lines is there twice
        for handler in config["handlers"].values():
            handler["stream"] = "ext://sys.stdout"
        # What nobody configures would be printed as it is.
        config["root"].setdefault("handlers", list(config["handlers"])[-1:])
