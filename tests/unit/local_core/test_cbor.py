"""CBOR as AWS's protocol uses it, against botocore's own reader and writer."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import create_serializer
from botocore.session import Session

from sagelens.local.api import cbor

VALUES: list[Any] = [
    *(0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1, -1, -24, -25, -256, -(2**40)),
    *(0.0, -1.5, 1e300, float("inf")),
    *("", "ä" * 30, "x" * 70_000, b"", b"\x00\xff" * 200),
    *([], [1, [2, [3]]], list(range(300)), {}, {"a": {"b": [True, False]}, "ü": "z"}),
]


def read_by_botocore(data: bytes) -> Any:
    return RpcV2CBORParser().parse_data_item(io.BufferedReader(io.BytesIO(data)))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_botocore_reads_what_we_write_and_so_do_we(value: Any) -> None:
    written = cbor.encode(value)
    assert read_by_botocore(written) == value
    assert cbor.decode(written) == value


def test_botocore_reads_our_times() -> None:
    assert read_by_botocore(cbor.encode({"t": cbor.Moment(1.5)}))["t"] == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
    assert cbor.decode(cbor.encode(cbor.Moment(1.5))) == 1.5


def test_null_is_read_as_nothing() -> None:
    assert cbor.decode(cbor.encode([None, {"a": None}])) == [None, {"a": None}]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
        ("7f657374726561646d696e67ff", "streaming"),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("f93c00", 1.0),
        ("fa47c35000", 100000.0),
        ("f7", None),
        ("c11a514b67b0", 1363896240.0),
    ],
)
def test_what_others_may_write_is_read(data: str, value: Any) -> None:
    assert cbor.decode(bytes.fromhex(data)) == value


@pytest.mark.parametrize(
    "data",
    [
        "",
        "18",
        "bf6161019fff",
        "6261",
        "9f01",
        "a1",
        "a10102",
        "0000",
        "c000",
        "c1f4",
        "fc",
        "1f",
        "7f01ff",
        "7f7f61ffff",
        "62ff00",
        "9bffffffffffffffff",
    ],
)
def test_what_is_damaged_is_refused(data: str) -> None:
    with pytest.raises(ValueError, match=r"byte|decode"):
        cbor.decode(bytes.fromhex(data))


def test_nesting_has_an_end() -> None:
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        cbor.decode(b"\x81" * 100_000 + b"\x00")


def test_what_has_no_form_is_refused() -> None:
    for value in (2**64, object()):
        with pytest.raises(TypeError):
            cbor.encode(value)


def test_we_read_what_botocore_writes() -> None:
    operation = Session().get_service_model("cloudwatch").operation_model("PutMetricData")
    given = {
        "Namespace": "N",
        "MetricData": [
            {"MetricName": "m", "Timestamp": datetime(2026, 1, 1, tzinfo=UTC), "Values": [1.0, -2.5], "StorageResolution": 1}
        ],
    }
    written = create_serializer("smithy-rpc-v2-cbor").serialize_to_request(given, operation)["body"]
    (datum,) = cbor.decode(written)["MetricData"]
    assert datum == {"MetricName": "m", "Timestamp": 1767225600.0, "Values": [1.0, -2.5], "StorageResolution": 1}
