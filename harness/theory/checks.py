"""All checks, by name, in the order of the papers."""

from __future__ import annotations

from collections.abc import Callable

from harness.theory import (
    counting,
    dominance,
    feature_estimation,
    multicollinearity,
    operation_gradients,
    recovery,
    selective_stop,
    softmax_slopes,
    sparse_softmax,
    weight_gradients,
)
from harness.theory.result import Check, Figure

_ALL = (
    recovery.recovery,
    recovery.recovery_grows,
    recovery.recovery_cause,
    softmax_slopes.jacobian_check,
    softmax_slopes.diagonal,
    softmax_slopes.off_diagonal,
    softmax_slopes.off_diagonal_exchange,
    softmax_slopes.proportional,
    softmax_slopes.direction,
    selective_stop.stop_criteria,
    counting.multiples,
    operation_gradients.theorem_4_1,
    operation_gradients.batch_norm,
    weight_gradients.equation_8,
    operation_gradients.theorem_4_2,
    operation_gradients.theorem_4_2_leading,
    dominance.theorem_4_3,
    dominance.equation_17,
    dominance.equation_19,
    dominance.kept_terms,
    dominance.trend,
    weight_gradients.equation_16,
    operation_gradients.sigmoid_gradients,
    counting.initial_weight,
    feature_estimation.optimal_weights,
    feature_estimation.optimal_logits,
    feature_estimation.proportional,
    feature_estimation.order,
    feature_estimation.gap_grows,
    sparse_softmax.temperature,
    sparse_softmax.tempered_jacobian,
    sparse_softmax.saturation,
    sparse_softmax.mixture,
    sparse_softmax.schedule,
    sparse_softmax.entropy_bounds,
    counting.nb201_space,
    counting.nasnet_space,
    counting.darts_space,
    multicollinearity.split_weight,
    counting.empty_sum,
)
CHECKS: dict[str, Check] = {check.name: check for check in _ALL}
FIGURES: dict[str, Callable[[], Figure]] = {
    "theorem-4.3-steps": dominance.convergence_figure,
    "delve-recovery": recovery.recovery_figure,
    "sp-darts-saturation": sparse_softmax.saturation_figure,
}
