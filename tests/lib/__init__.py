# SPDX-License-Identifier: BSD-2-Clause
"""What all rings of tests share: start a crierd, a fake journal, a broker or a virtual machine, and
compare what a broker holds with what a journal holds. Nothing here asserts anything about one
test's subject."""
