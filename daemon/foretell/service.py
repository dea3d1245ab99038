"""The daemon: the rooms put together, and the pump that moves messages through them.

The whole live path is `Service.pump`. Everything here runs on one event loop; what blocks on a disk runs
in one thread of its own, so that a slow disk never stops us from hearing the broker.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import foretell
from foretell import reloading
from foretell.clock import Clock, SystemClock, TopicClock, monotonic
from foretell.config import Bundle, Settings, build, gather
from foretell.engine.facts import Change
from foretell.engine.rule import SHADOW
from foretell.intake import recall
from foretell.intake.fold import Maintenance, Plan, Repair
from foretell.intake.gate import Gate
from foretell.intake.journal import (
    MAINTENANCE,
    PLAN,
    REPAIR,
    STARTED,
    TICK_OF_CLOCK,
    Entry,
    Journal,
    RejectRow,
)
from foretell.intake.mqtt import Arrived, BrokerConnection, Event, Inbox
from foretell.metrics import Instruments, make_registry
from foretell.site.listing import place_title
from foretell.systemd import Notifier
from foretell.tickets.ledger import Act, Ledger
from foretell.tickets.policy import Desk
from foretell.tickets.reports import Said
from foretell.web.app import make_app
from foretell.web.door import Counters, Status
from foretell.web.server import serve

HEARTBEAT_S = 1.0
LULL_S = 0.005
BATCH_SMALL, BATCH_MAX = 20, 500
SNAPSHOT_EVERY_MESSAGES, SNAPSHOT_EVERY_S = 40_000, 600.0
STATUS_EVERY_S = 5.0
WATCH_AGAIN_S = 60.0
STOP_WITHIN_S = 8.0
LEDGER_ATTEMPTS = 12
REJECT_PAYLOAD_KEPT = 4_096

T = TypeVar("T")


class StartError(Exception):
    """The daemon cannot start; one line for people, with the exit code that it ends in."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Service:
    """One site's daemon. `run` returns when it was asked to stop."""

    def __init__(
        self, settings: Settings, bundle: Bundle, plan: Plan, log: Any, clock: Clock | None = None
    ) -> None:
        self.settings, self.bundle, self.plan, self.log = settings, bundle, plan, log
        self.clock: Clock = clock or SystemClock()
        self.registry = make_registry(self)
        self.instruments = Instruments(self.registry)
        self.notifier = Notifier()
        self.stopping = asyncio.Event()
        self.inbox = Inbox()
        self.changes_by_kind: dict[str, int] = {}
        self.problems: tuple[str, ...] = ()
        self.reload_ok, self.reload_ok_at = True, self.clock.now()
        self.web_port = 0
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._own: list[tuple[str, bytes]] = []
        self._snapshot_at, self._snapshot_messages = monotonic(), 0
        self._status_at = self._acts_at = 0.0
        self._plans = {plan.id: plan}
        self._was_ready = False
        self._reload_lock = asyncio.Lock()
        self._edited: frozenset[str] = frozenset()
        self._listening = asyncio.Event()

    # -- the live path ------------------------------------------------------------------------------

    async def pump(self) -> None:
        """Every message, from the broker to the ticket."""
        while not self.stopping.is_set():
            events = await self.next_events()
            entries, messages = await self.admit(events)
            if entries:
                with self.instruments.commit_seconds.time():
                    await self.on_disk(self.journal.append, entries)
            self.broker.acknowledge(messages)
            outcome = self.fold.take(entries)
            if self.fold.engine.adoption:
                self._tell_adoption()
            if outcome.changes:
                await self.record(outcome.changes)
            if outcome.rejects:
                await self.keep_rejects(outcome.rejects)
            self.notifier.alive(monotonic())
            await self.keep_house()

    async def next_events(self) -> list[Event]:
        """What came in, gathered for a moment so that one commit serves many; empty at a deadline."""
        await self.inbox.wait(self._patience())
        if len(self.inbox):
            until = monotonic() + self.settings.model.journal.commit_within
            seen = 0
            # A broker stops sending when its window is full: a lull then means "acknowledge", not "wait".
            while (now := monotonic()) < until and len(self.inbox) < BATCH_MAX:
                if len(self.inbox) == seen and seen >= BATCH_SMALL:
                    break
                seen = len(self.inbox)
                await asyncio.sleep(min(LULL_S, until - now))
        return self.inbox.drain(BATCH_MAX)

    def _patience(self) -> float:
        if self._own:
            return 0.0
        due = self.fold.engine.next_deadline() if self.clock.runs() else None
        return HEARTBEAT_S if due is None else min(max(due - self.clock.now(), 0.001), HEARTBEAT_S)

    async def admit(self, events: Sequence[Event]) -> tuple[list[Entry], list[Arrived]]:
        """Journal entries for what came in, for people's acts, and for a deadline that passed."""
        entries, messages = self.gate.admit(events)
        own, self._own = self._own, []
        entries += [self.gate.own(topic, payload) for topic, payload in own]
        if monotonic() - self._acts_at >= HEARTBEAT_S:
            self._acts_at = monotonic()
            for act in await self.on_disk(self.ledger.acts_after, self.fold.acts_through):
                entries.append(self._act_entry(act))
        due = self.fold.engine.next_deadline()
        if due is not None and due <= self.clock.now() and not any(entry.mid for entry in entries):
            entries.append(self.gate.own(TICK_OF_CLOCK))
        if messages:
            self.instruments.batch_messages.observe(len(messages))
        return entries, messages

    def _act_entry(self, act: Act) -> Entry:
        if act.until is not None:
            return self.gate.own(MAINTENANCE, Maintenance(act.id, act.device, act.until).pack())
        return self.gate.own(REPAIR, Repair(act.id, act.device, act.part, act.failure_mode).pack())

    async def record(self, changes: list[Change]) -> None:
        for change in changes:
            self.changes_by_kind[change.kind] = self.changes_by_kind.get(change.kind, 0) + 1
            self.log.info(
                "change",
                kind=change.kind,
                rule=change.rule,
                device=change.device,
                part=change.part,
                number=change.number,
            )
        with self.instruments.apply_seconds.time():
            await self._patiently(self.ledger.record, changes, self.fold.position, self.desk())

    async def _patiently(self, work: Callable[..., T], *args: Any) -> T:
        """Work on the ledger, which somebody else may hold for a while: a backup, a report, a shell."""
        for _ in range(LEDGER_ATTEMPTS - 1):
            try:
                return await self.on_disk(work, *args)
            except OSError as error:
                if "locked" not in str(error):
                    raise
                self.log.warning("ledger_locked", error=str(error))
                self.notifier.alive(monotonic())
        return await self.on_disk(work, *args)

    async def keep_rejects(self, rejects: list[tuple[Entry, Any]]) -> None:
        for entry, reject in rejects:
            if reject.reason == "internal":
                self.log.error(
                    "message_failed", position=entry.position, topic=entry.topic, error=reject.detail
                )
        newest = rejects[-1000:]
        rows = [
            RejectRow(
                e.position, r.reason, r.detail[:500], e.arrived, e.topic, e.payload[:REJECT_PAYLOAD_KEPT]
            )
            for e, r in newest
        ]
        await self.on_disk(self.journal.keep_rejects, rows)

    async def keep_house(self) -> None:
        """Snapshot, forget what is old, tell systemd how we are."""
        now = monotonic()
        becomes_ready = self.broker.subscribed.is_set() and not self._was_ready
        if becomes_ready or now - self._status_at >= STATUS_EVERY_S:
            self._status_at = now
            self._tell_status()
        messages = self.fold.counters["messages"]
        quiet = now - self._snapshot_at < SNAPSHOT_EVERY_S or messages == self._snapshot_messages
        if messages - self._snapshot_messages < SNAPSHOT_EVERY_MESSAGES and quiet:
            return
        self._snapshot_at, self._snapshot_messages = now, messages
        await self.on_disk(recall.write, self.fold.snapshot(), self.settings.store)
        before = self.clock.now() - self.settings.model.journal.keep
        await self.on_disk(self.journal.prune, before, self.fold.position)

    async def on_disk(self, work: Callable[..., T], *args: Any) -> T:
        """Run blocking work in the disk's thread; one after the other, in order."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, lambda: work(*args))

    # -- start, reload, stop ------------------------------------------------------------------------

    def open(self) -> None:
        """Open the stores and remember everything. Raises StartError."""
        store = self.settings.store
        try:
            store.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._lock = open(store / "lock", "w")  # noqa: SIM115 - held for as long as we run
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"another foretell is running on {store}", 78) from None
        except OSError as error:
            raise StartError(f"cannot write to {store}: {error.strerror}", 74) from error
        self.journal = Journal(store / "journal.db")
        self.ledger = Ledger(store / "ledger.db")
        self.journal.keep_plan(self.bundle.id, self.bundle.pack())
        self.fold = recall.load(store, self.journal, self.plan, self.find_plan, self.log.warning)
        applied = self.ledger.applied_through()
        for changes, position in recall.replay(self.fold, self.journal, applied):
            if changes:
                self.ledger.record(changes, position, self.desk())
        if isinstance(self.clock, TopicClock):
            self.clock.tell(str(self.fold.arrived).encode())
        self.gate = Gate(self.journal, self.clock)
        self._snapshot_messages = self.fold.counters["messages"]
        entries = [self.gate.own(STARTED, str(self.ledger.applied_through()[0]).encode())]
        if self.journal.last_position == 1 or self.fold.plan.id != self.plan.id:
            entries.append(self.gate.own(PLAN, self.plan.id.encode()))
        self.journal.append(entries)
        self.ledger.record(self.fold.take(entries).changes, self.fold.position, self.desk())

    def find_plan(self, plan_id: str) -> Plan:
        """A plan that was in force once, rebuilt from the files kept beside the journal."""
        if plan_id not in self._plans:
            plan, problems = build(Bundle.unpack(self.journal.plan(plan_id)))
            if plan is None:
                raise ValueError(f"the plan {plan_id} cannot be built any more: {problems[0]}")
            self._plans[plan_id] = plan
        return self._plans[plan_id]

    async def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises what a part failed with."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)
        filters = self._filters(self.plan)
        old = await self.on_disk(self.journal.filters)
        self.broker = BrokerConnection(self.settings.broker, self.inbox, self._broker_says, filters, old)
        await self.on_disk(self.journal.swap_filters, filters)
        web = self.settings.model.web
        app = make_app(self, self.registry)
        page = asyncio.create_task(serve(app, web.host, web.port, self._web_started), name="web")
        # A second daemon must find the port taken before it takes the first one's session at the broker.
        listening = asyncio.create_task(self._listening.wait())
        await asyncio.wait((page, listening), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        tasks = [
            asyncio.create_task(self.pump(), name="pump"),
            asyncio.create_task(self.stopping.wait(), name="stop"),
            page,
        ]
        if self._listening.is_set():
            tasks.append(asyncio.create_task(self.broker.run(), name="broker"))
        if self.settings.model.watch_files:
            tasks.append(asyncio.create_task(self._watch_files(), name="watch"))
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await self.stop(tasks)
        for task in done:
            if task.exception() is not None:
                raise task.exception() or RuntimeError(task.get_name())

    async def stop(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Pump first, then broker and page; what was not acknowledged, the broker keeps for us."""
        self.notifier.stopping()
        self.stopping.set()
        pump, *rest = tasks
        await asyncio.wait([pump], timeout=STOP_WITHIN_S - 2)
        for task in (pump, *rest):
            task.cancel()
        await asyncio.wait(tasks, timeout=2)
        if pump.done() and not pump.cancelled() and pump.exception() is None:
            recall.save(self.fold, self.settings.store)
        self._disk.shutdown()
        self.journal.close()
        self.ledger.close()
        self._lock.close()

    def _reload_soon(self) -> None:
        self._reloading = asyncio.ensure_future(self.reload())

    async def reload(self) -> tuple[str, ...]:
        """Read the files anew: build, then swap; any problem keeps what is in force."""
        async with self._reload_lock:
            return await self._reload()

    async def _reload(self) -> tuple[str, ...]:
        if self._was_ready:  # READY must not be said by a reload before it is true
            self.notifier.reloading()
        settings, bundle, plan, problems = await asyncio.to_thread(reloading.read_again, self.settings)
        self.problems = tuple(str(problem) for problem in problems if problem.severity == "error")
        self.reload_ok = plan is not None
        if plan is None:
            for problem in problems:
                self.log.error("reload_refused", problem=str(problem))
        else:
            # Broker, store and page stay as they were at the start; everything else is taken anew.
            self.settings = settings._replace(store=self.settings.store, broker=self.settings.broker)
            self.reload_ok_at = self.clock.now()
            self._plans[plan.id] = plan
            await self.on_disk(self.journal.keep_plan, bundle.id, bundle.pack())
            await self.on_disk(self.journal.swap_filters, self._filters(plan))
            self._edited = reloading.edited(self.plan.rulebook, plan.rulebook)
            self.plan = plan
            self.broker.follow(self._filters(plan))
            self._own.append((PLAN, plan.id.encode()))
            self.log.info("reloaded", plan=plan.id, rules=len(plan.rulebook.rules))
        if self._was_ready:
            self.notifier.ready()
        return self.problems

    async def _watch_files(self) -> None:
        """Reload by itself when a file of the plan changes; for sites that ask for it."""
        while not self.stopping.is_set():
            watched = self.settings
            try:
                async for files in reloading.changes(watched, self.stopping):
                    self.log.info("files_changed", files=files)
                    await self.reload()
                    if reloading.folders(self.settings) != reloading.folders(watched):
                        break
            except (OSError, RuntimeError) as error:  # a folder that is gone, or no more watches to be had
                self.log.error("files_not_watched", error=str(error), hint="reload with SIGHUP; trying again")
                await asyncio.sleep(WATCH_AGAIN_S)

    def _tell_adoption(self) -> None:
        """Say by rule what a reload kept of its memory and what it did not."""
        adoption, self.fold.engine.adoption = self.fold.engine.adoption, {}
        for line in reloading.told(adoption, self._edited):
            self.log.info("rule_adopted", **line)
        untouched = sum(each.kept for rule, each in adoption.items() if rule not in self._edited)
        self.log.info("adopted", rules=len(adoption), watches_of_unchanged_rules_kept=untouched)

    def _filters(self, plan: Plan) -> list[str]:
        return plan.profiles.filters() + ([self.clock.topic] if self.clock.topic else [])

    # -- what the page and the metrics ask ----------------------------------------------------------

    def desk(self) -> Desk:
        model = self.settings.model
        return Desk(
            self.fold.plan.rulebook,
            self.fold.plan.kinds,
            {name: device.title for name, device in model.devices.items() if device.title},
            {name: title for name in model.devices if (title := place_title(model, name))},
            self.fold.plan.listing,
        )

    def status(self) -> Status:
        standing = self.fold.engine.standing()
        devices = list(self.fold.engine.devices.values())  # a scrape asks from another thread
        lost = f"not subscribed at the broker: {self.broker.last_error}"
        reasons = () if self.broker.subscribed.is_set() else (lost,)
        model = self.settings.model
        return Status(
            site=model.site,
            title=model.title,
            language=model.language,
            version=foretell.__version__,
            now=self.clock.now(),
            own_clock=self.clock.runs(),
            ready=not reasons,
            not_ready=reasons,
            connected=self.broker.connected,
            last_message_at=self.gate.last_message_at,
            devices=len(devices),
            offline_devices=sum(device.offline for device in devices),
            rules=len(self.fold.plan.rulebook.rules),
            watches=standing["watches"],
            open_watches=standing["open"],
            problems=self.problems,
            zone=model.zone,
        )

    def counters(self) -> Counters:
        fold = self.fold
        size = sum(path.stat().st_size for path in self.settings.store.glob("journal.db*") if path.exists())
        return Counters(
            messages=fold.counters["messages"],
            readings=fold.counters["readings"],
            rejected=dict(fold.rejected),
            redelivered=self.gate.redelivered,
            dropped=self.inbox.dropped,
            changes=dict(self.changes_by_kind),
            engine=dict(fold.engine.counters),
            connections=self.broker.connections,
            sessions_lost=self.broker.sessions_lost,
            inbox=len(self.inbox),
            journal_position=self.journal.last_position,
            journal_bytes=size,
            reload_ok=self.reload_ok,
            reload_ok_at=self.reload_ok_at,
            last_seen=fold.engine.last_heard(),
        )

    def tickets(self, *, live_only: bool) -> list[dict[str, Any]]:
        return self.ledger.tickets(live_only=live_only)

    def shadowed(self, *, live_only: bool) -> list[dict[str, Any]]:
        return self.ledger.tickets(live_only=live_only, mode=SHADOW)

    def explain(self, rule: str, device: str) -> list[dict[str, Any]]:
        return self.fold.engine.explain(rule, device, self.clock.now())

    def ticket(self, ticket_id: int) -> dict[str, Any]:
        return self.ledger.ticket(ticket_id)

    def counts(self) -> dict[tuple[str, str, str], int]:
        return self.ledger.counts()

    def leads(self) -> list[float]:
        return self.ledger.confirmed_leads()

    def faults(self) -> dict[str, int]:
        return self.ledger.confirmed_faults()

    def reports(self, *, limit: int) -> list[dict[str, Any]]:
        return self.ledger.reports.reports(limit=limit)

    async def report(self, said: Said) -> dict[str, Any]:
        """An owner's report, on the disk before it is answered; nothing of it is logged but its number."""
        heard = {name: device.kind for name, device in self.fold.engine.devices.items()}
        told = await self.on_disk(self.ledger.reports.add, said, self.clock.now(), self.desk(), heard)
        self.log.info("report", number=told["id"], ticket=told["ticket_id"], matched=told["matched"])
        return told

    def _broker_says(self, event: str, **details: Any) -> None:
        (self.log.info if event == "broker_connected" else self.log.warning)(event, **details)

    def _web_started(self, port: int) -> None:
        self.web_port = port
        self._listening.set()
        self.log.info("page", address=f"http://{self.settings.model.web.host}:{port}/")

    def _tell_status(self) -> None:
        status = self.status()
        if status.ready and not self._was_ready:
            self._was_ready = True
            self.notifier.ready()
        link = "connected" if status.connected else "NOT connected"
        self.notifier.status(
            f"broker {link}, {status.devices} devices ({status.offline_devices} offline), "
            f"{status.rules} rules, {status.open_watches} conditions hold, "
            f"{self.fold.counters['messages']} messages"
        )


def start(settings: Settings, log: Any, clock: Clock | None = None) -> int:
    """Build, open, run. Returns the exit code; raises StartError with one line for people."""
    bundle, problems = gather(settings.sensors, settings.rules, settings.source)
    plan = None
    if not problems:
        plan, problems = build(bundle)
    if plan is None:
        raise StartError("\n".join(str(problem) for problem in problems), 78)
    ready_plan = plan

    async def main() -> None:
        service = Service(settings, bundle, ready_plan, log, clock)
        await asyncio.to_thread(service.open)
        await service.run()

    asyncio.run(main())
    log.info("stopped", pid=os.getpid())
    return 0
