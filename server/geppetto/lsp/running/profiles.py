"""The profiles that a script can be run with."""

import asyncio
from pathlib import Path

from geppetto.lsp.documents.uris import path_of
from geppetto.lsp.errors import REQUEST_FAILED, ResponseError
from geppetto.lsp.running.messages import Profiles
from geppetto.lsp.running.target import home
from geppetto.lsp.server import GeppettoServer
from geppetto.settings.errors import SettingsError
from geppetto.settings.load import load_settings


async def profiles_for(server: GeppettoServer, uri: str | None) -> Profiles:
    """Those of the script's folder; without a script, or a file, of the workspace's first folder.

    Raises:
        ResponseError: the settings are wrong.
    """
    path = None if uri is None else path_of(uri)
    folder = home(server) if path is None else Path(path).parent
    try:
        settings = await asyncio.to_thread(load_settings, folder)
    except SettingsError as error:
        raise ResponseError(REQUEST_FAILED, str(error)) from None
    return Profiles(profiles=settings.profiles, chosen=settings.profile)
