"""Settings for a command: the environment, else those of the `up` that runs in this folder."""

import os
from pathlib import Path

from kit.settings import Settings, load_settings
from runtime.folder import WorkFolder

_STORES = ("FLASHSALE_DATABASE_URL", "FLASHSALE_REDIS_URL", "FLASHSALE_MONGO_URL")


def command_settings(**given: object) -> Settings:
    """`given` wins over the environment, which wins over a running `up`; None is not given.

    An environment that names a store means that deployment and is not mixed with the other.

    Raises:
        SettingsError: one line.
    """
    if not any(os.environ.get(name) for name in _STORES):
        running = WorkFolder(Path.cwd()).find_running()
        if running is not None:
            for name, value in running.environment.items():
                os.environ.setdefault(name, value)
    return load_settings(**{key: value for key, value in given.items() if value is not None})
