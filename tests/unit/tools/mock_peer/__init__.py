import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("observations", "faults_of_answers", "faults_of_conduct"))
)
