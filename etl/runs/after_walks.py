"""Which lists a run reads after its walks, and in which order."""

from collections.abc import Sequence

from sqlalchemy import Connection

from etl.runs.auditing import Auditor
from etl.runs.capital_flows import FlowReader
from etl.runs.fills import FillReader
from etl.runs.income import IncomeReader
from etl.runs.ingest import IngestSpec
from etl.runs.mark_prices import MarkPriceReader
from etl.runs.reader import Reader
from etl.runs.readings import Reading
from etl.runs.reconciliation import Reconciler, nightly
from etl.runs.record_reader import RecordReader
from etl.runs.recorder import Recorder
from etl.runs.run import NIGHTLY


def readings_after(spec: IngestSpec, connection: Connection, reader: Reader, recorder: Recorder) -> Sequence[Reading]:
    """Flows, which stand for liquidations without order, in every run; the rest at night, costs also when asked for.

    Costs follow the reconciliation: what it finds late has costs, too. Audits come last, from what weight is left. The
    jobs of workers do the same, as the lists belong to the run.
    """
    records, rules = RecordReader(connection, reader, recorder), reader.costs
    is_nightly = spec.command == NIGHTLY
    readings: list[Reading] = [FlowReader(records)]
    if is_nightly and rules.reconcile_days:
        readings.append(Reconciler(connection, reader, recorder, nightly(rules.reconcile_days)))
    if spec.costs or (is_nightly and rules.weight):
        readings.append(FillReader(connection, reader, recorder, None if spec.costs else rules.weight))
        readings.append(IncomeReader(records, rules.income_types))
    if spec.costs or is_nightly:
        readings.append(MarkPriceReader(connection, reader, recorder))
    if is_nightly and rules.audit_windows:
        readings.append(Auditor(connection, reader, recorder, rules.audit_windows))
    return readings
