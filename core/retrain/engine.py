"""The engine that runs jobs, seen from outside: DBOS Transact, on SQLite or PostgreSQL.

A job is one durable workflow, by the job's number. This module asks for it, stops it and takes it
over; core/retrain/worker.py runs it. dbos is imported when it is first needed: it is slow to load.
"""

import asyncio
import logging
from collections.abc import Sequence
from os.path import exists
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from core.arena.store import make_folder
from core.errors import EngineError

if TYPE_CHECKING:
    from dbos import DBOSClient, Serializer

APPLICATION = "lyricbot"
# Fixed: DBOS runs a workflow only under the version that began it. To be changed when the steps of
# the workflow change their order, and with it the jobs of the old version are asked for anew.
VERSION = "retrain-1"
QUEUE = "retrain"
WORKFLOW = "retrain"
SCHEDULED = "scheduled_retrain"
SCHEDULE = "retrain"
OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


def workflow_of(job: int) -> str:
    """The workflow's name among all of the engine's."""
    return f"retrain-{job}"


def quiet() -> None:
    """Let the engine speak only of what goes wrong; call it before the engine is used."""
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.WARNING)
    if not logger.handlers:  # else it takes one of its own, past what keeps secrets out of the log
        logger.addHandler(logging.NullHandler())


def serializer() -> "Serializer":
    """What the engine writes with and reads: JSON. From now on it unpickles nothing.

    Chosen alone it would not do: a row may say of itself that it was pickled, and the engine goes
    by the row. Who can write its database would run what they like, here and on every worker.
    """
    from dbos import DBOSPortableJSONSerializer
    from dbos._serialization import DefaultSerializer

    def refuse(*_: object) -> NoReturn:
        raise EngineError(
            "The jobs' database holds a pickle, which lyricbot never writes and never reads. Find "
            "out who can write to it; then remove the row."
        )

    DefaultSerializer.deserialize = refuse  # type: ignore[method-assign, assignment]
    return DBOSPortableJSONSerializer()


def prepare(url: str) -> None:
    """Make or update the engine's tables.

    Raises:
        EngineError: where the database cannot be opened or changed.
    """
    from dbos import DBOS

    try:
        if make_url(url).get_backend_name() == "sqlite":
            _prepare_file(url)
        quiet()
        DBOS.migrate(url)
    except (SQLAlchemyError, OSError) as error:
        raise unusable(url, error) from error


def unusable(url: str, error: Exception) -> EngineError:
    """What to say where the engine's database cannot be used."""
    address = make_url(url).render_as_string(hide_password=True)
    reason = str(getattr(error, "orig", error)).strip()
    return EngineError(
        f"The jobs' database {address} cannot be used ({reason}). Check LYRICBOT_JOBS_URL."
    )


class Engine:
    """The engine of one database, as those see it who ask for jobs."""

    def __init__(self, url: str) -> None:
        """Nothing is opened before it is needed, so that a bot starts at once."""
        self._url = url
        self._client: DBOSClient | None = None
        self._opening = asyncio.Lock()

    @property
    def address(self) -> str:
        """Where its database is, without its password."""
        return make_url(self._url).render_as_string(hide_password=True)

    async def start(self, job: int) -> None:
        """Queue a job; one that is queued or runs already is left alone.

        Raises:
            EngineError.
        """
        options: Any = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": workflow_of(job),
            "app_version": VERSION,
        }
        await self._do("enqueue", options, job)

    async def start_anew(self, job: int) -> None:
        """Forget what it knows of a job of that number, which was another database's; queue it.

        Raises:
            EngineError.
        """
        await self._do("delete_workflow", workflow_of(job))
        await self.start(job)

    async def stop(self, job: int) -> None:
        """Cancel a job, wherever it runs.

        Raises:
            EngineError.
        """
        await self._do("cancel_workflow", workflow_of(job))

    async def take_over(self, job: int) -> None:
        """Queue a job again whose worker is gone: it goes on after its last finished step.

        Raises:
            EngineError.
        """
        # Named, since without a queue's name it would go to one that every process serves.
        await self._do("resume_workflow", workflow_of(job), queue_name=QUEUE)

    async def states(self, jobs: Sequence[int]) -> dict[int, str]:
        """What the engine knows of each: ENQUEUED, PENDING (it runs) or one of OVER.

        One that it does not know is left out.

        Raises:
            EngineError.
        """
        if not jobs:
            return {}
        numbers = {workflow_of(job): job for job in jobs}
        found = await self._do(
            "list_workflows", workflow_ids=[*numbers], load_input=False, load_output=False
        )
        return {numbers[one.workflow_id]: one.status for one in found}

    async def schedule(self, cron: str | None) -> None:
        """Ask for a retrain whenever `cron` says so, or never again.

        Raises:
            EngineError.
        """
        if cron is None:
            await self._do("delete_schedule", SCHEDULE)
            return
        entry = {"schedule_name": SCHEDULE, "workflow_name": SCHEDULED, "schedule": cron}
        await self._do("apply_schedules", [entry])

    async def check(self) -> None:
        """Make sure that it can be used.

        Raises:
            EngineError.
        """
        file = make_url(self._url).database
        local = make_url(self._url).get_backend_name() == "sqlite"
        if (
            self._client is not None
            and local
            and file
            and not await asyncio.to_thread(exists, file)
        ):
            raise unusable(self._url, FileNotFoundError("its file is gone"))
        await self.states([0])  # a connection may well be made, to an empty file too

    async def close(self) -> None:
        """Let go of its database."""
        if self._client is not None:
            client, self._client = self._client, None
            await asyncio.to_thread(client.destroy)

    async def _do(self, method: str, *arguments: Any, **named: Any) -> Any:
        try:
            async with self._opening:
                if self._client is None:
                    self._client = await asyncio.to_thread(self._open)
            return await asyncio.to_thread(getattr(self._client, method), *arguments, **named)
        except Exception as error:
            from dbos import error as dbos_error

            if isinstance(error, (SQLAlchemyError, OSError, dbos_error.DBOSException)):
                raise unusable(self._url, error) from error
            raise

    def _open(self) -> "DBOSClient":
        from dbos import DBOSClient

        prepare(self._url)
        return DBOSClient(
            system_database_url=self._url,
            serializer=serializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,
        )


def _prepare_file(url: str) -> None:
    """The engine's SQLite file, in a mode in which readers do not wait for writers."""
    make_folder(url)
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 30000")
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    finally:
        engine.dispose()
