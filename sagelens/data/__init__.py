"""Tables on DuckDB: reading, writing, profiles.

Figures are in `sagelens.data.charts` and `sagelens.data.figures`, apart: only the code of steps that draw names Matplotlib.
"""

from sagelens.data.connection import connection, materialise
from sagelens.data.heading import columns_of
from sagelens.data.parquet import Shape, read_table, shape_of, write_table
from sagelens.data.profile import Bin, ColumnKind, ColumnProfile, Day, Profile, Summary
from sagelens.data.profiling import profile
from sagelens.data.reading import ColumnRead, SourceRead, collect_sources, read_source, read_sources
from sagelens.data.sources import listing, resolve, source_digest
from sagelens.data.table import Table

__all__ = [
    "Bin",
    "ColumnKind",
    "ColumnProfile",
    "ColumnRead",
    "Day",
    "Profile",
    "Shape",
    "SourceRead",
    "Summary",
    "Table",
    "collect_sources",
    "columns_of",
    "connection",
    "listing",
    "materialise",
    "profile",
    "read_source",
    "read_sources",
    "read_table",
    "resolve",
    "shape_of",
    "source_digest",
    "write_table",
]
