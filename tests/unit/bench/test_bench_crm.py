"""What is said of voices beside a business system that is down."""

from crm import voice_figures


def test_the_slow_ones_are_compared_too() -> None:
    well = [200.0] * 19 + [400.0]
    down = [200.0] * 15 + [800.0] * 5
    figures = voice_figures(down, well)
    assert (figures["voice_turns_vendor_down"], figures["voice_turns_vendor_well"]) == (20, 20)
    assert figures["voice_p50_ratio_vendor_down"] == figures["voice_ratio_vendor_down"] == 1.0
    assert figures["voice_p95_ms_vendor_down"] == 800.0
    assert figures["voice_p95_ratio_vendor_down"] == 3.81
