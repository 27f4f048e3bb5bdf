"""Datasets: loading, checking, and collecting new ones."""

from pars.data.catalog import DATASETS, collect_dataset, dataset_path, list_datasets, load_dataset
from pars.data.checking.doctor import card_lines, check
from pars.data.dataset import Dataset, from_arrays, from_file

__all__ = [
    "DATASETS",
    "Dataset",
    "card_lines",
    "check",
    "collect_dataset",
    "dataset_path",
    "from_arrays",
    "from_file",
    "list_datasets",
    "load_dataset",
]
