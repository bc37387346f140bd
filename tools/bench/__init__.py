"""What Countenance costs, measured: `make bench`. A module a part; docs/benchmarks.json keeps the last of each."""
