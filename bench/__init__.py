"""Measures ours and others in one run; see docs/performance.md."""
