"""Log groups, alarms and the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def keep_logs(logs: Any, properties: dict[str, Any]) -> Iterator[str]:
    """Make a log group, and limit the days for which it keeps what it is given."""
    name, days = properties["LogGroupName"], properties["RetentionInDays"]
    group = find_group(logs, name)
    if group is None:
        logs.create_log_group(logGroupName=name)
        yield "made"
    if group is None or group.get("retentionInDays") != days:
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        yield f"kept for {days} days"


def find_group(logs: Any, name: str) -> dict[str, Any] | None:
    """The log group of exactly that name."""
    groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    found: dict[str, Any] | None = next((g for g in groups if g["logGroupName"] == name), None)
    return found


def alarm(cloudwatch: Any, properties: dict[str, Any]) -> Iterator[str]:
    """Set an alarm; its properties are the arguments of the call, under the same names."""
    there = cloudwatch.describe_alarms(AlarmNames=[properties["AlarmName"]])["MetricAlarms"]
    if not there or any(there[0].get(key) != value for key, value in properties.items()):
        cloudwatch.put_metric_alarm(**properties)
        yield "changed" if there else "set"


def dashboard(cloudwatch: Any, properties: dict[str, Any]) -> Iterator[str]:
    """Put the dashboard up."""
    listed = cloudwatch.list_dashboards(DashboardNamePrefix=properties["DashboardName"])
    names = {each["DashboardName"] for each in listed["DashboardEntries"]}
    if properties["DashboardName"] in names:
        there = cloudwatch.get_dashboard(DashboardName=properties["DashboardName"])
        if there["DashboardBody"] == properties["DashboardBody"]:
            return
    cloudwatch.put_dashboard(**properties)
    yield "put up"
