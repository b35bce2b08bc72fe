"""The names of scikit-learn's scorers and the tasks that they fit, known without its slow import."""

from __future__ import annotations

__all__ = ["SCORER_TASKS", "UNFIT_SCORERS"]

_TWO, _MANY, _CLASSES, _NUMBERS = ("binary",), ("multiclass",), ("binary", "multiclass"), ("regression",)

SCORER_TASKS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("f1", "jaccard", "neg_negative_likelihood_ratio", "positive_likelihood_ratio", "precision", "recall",
         "roc_auc"),
        _TWO,
    ),
    **dict.fromkeys(
        ("accuracy", "average_precision", "balanced_accuracy", "d2_brier_score", "d2_log_loss_score",
         "f1_macro", "f1_micro", "f1_weighted", "jaccard_macro", "jaccard_micro", "jaccard_weighted",
         "matthews_corrcoef", "neg_brier_score", "neg_log_loss", "precision_macro", "precision_micro",
         "precision_weighted", "recall_macro", "recall_micro", "recall_weighted", "roc_auc_ovo",
         "roc_auc_ovo_weighted", "roc_auc_ovr", "roc_auc_ovr_weighted"),
        _CLASSES,
    ),
    "top_k_accuracy": _MANY,
    **dict.fromkeys(
        ("d2_absolute_error_score", "explained_variance", "neg_max_error", "neg_mean_absolute_error",
         "neg_mean_absolute_percentage_error", "neg_mean_gamma_deviance", "neg_mean_poisson_deviance",
         "neg_mean_squared_error", "neg_mean_squared_log_error", "neg_median_absolute_error",
         "neg_root_mean_squared_error", "neg_root_mean_squared_log_error", "r2"),
        _NUMBERS,
    ),
}  # fmt: skip
"""The tasks that each scorer fits."""

UNFIT_SCORERS = {
    **dict.fromkeys(
        ("f1_samples", "jaccard_samples", "precision_samples", "recall_samples"), "sets of labels"
    ),
    **dict.fromkeys(
        ("adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score", "fowlkes_mallows_score",
         "homogeneity_score", "mutual_info_score", "normalized_mutual_info_score", "rand_score",
         "v_measure_score"),
        "clusterings",
    ),
}  # fmt: skip
"""The scorers that fit no task, and what they compare."""
