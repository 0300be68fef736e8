"""Collection of images, containers, sandboxes, logs and orphaned pod directories: first a plan, then its execution."""

from nodegc.containergc import CollectionError, ContainerCollector, CriRuntime
from nodegc.containers import ContainerPolicy, PodFates
from nodegc.imagegc import CriImages, ImageCollector, ImageResult, InvalidCapacityError
from nodegc.images import Disk, ImagePolicy
from nodegc.plan import Decision, Kind, Plan, removals

__all__ = [
    "CollectionError", "ContainerCollector", "ContainerPolicy", "CriImages", "CriRuntime", "Decision", "Disk",
    "ImageCollector", "ImagePolicy", "ImageResult", "InvalidCapacityError", "Kind", "Plan", "PodFates", "removals",
]
