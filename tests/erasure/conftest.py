"""Makes pytest explain the failures of the contract suites as it does those of tests."""

import pytest

pytest.register_assert_rewrite("persx.testing")
