"""The configuration: one TOML file, typed; each key documented where it is declared."""

from deuteron.config.model import Audit, Config, Confine, Log
from deuteron.config.read import Loaded, credential, load, load_config

__all__ = ["Audit", "Config", "Confine", "Loaded", "Log", "credential", "load", "load_config"]
