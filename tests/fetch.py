# SPDX-License-Identifier: BSD-2-Clause
"""Fetches what tests need and Debian does not have into the cache, for a ring that runs in a root,
where nothing is to fetch with."""

from lib import jsonsuite, python_varlink

jsonsuite.documents()
python_varlink.module()
