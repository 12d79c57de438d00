"""Keep int64 keys in order: counted B+-trees whose nodes are rows of one shared array.

Any number of trees share the array of nodes. To insert, to erase, and to find a rank or the key at
a rank takes a step or two per level; 100,000 keys have three levels. A tree below 127 keys is one
sorted row. Equal keys are kept as often as they come.

A node is a leaf of up to ``LEAF_SIZE`` keys from ``FIRST`` on, or has up to ``FAN_OUT`` children:
their least keys, how many keys are below each, and their rows. The nodes are a pool (see
:mod:`aggregators.kernels.sliding.pool`). Nodes are freed when they become empty or can be merged.
"""

from __future__ import annotations

from aggregators.kernels.numba_cache import inlined, inner
from aggregators.kernels.sliding.moving import move
from aggregators.kernels.sliding.pool import give_back, take
from aggregators.typing import Int64Array

__all__ = [
    "HEIGHT",
    "MOST_NEW_NODES",
    "NODE_SIZE",
    "N_KEYS",
    "ROOT",
    "TREE_SIZE",
    "UNIQUE",
    "clear_tree",
    "count_equal",
    "count_less",
    "erase_key",
    "insert_key",
    "is_single",
    "key_at",
]

NODE_SIZE = 128
FIRST = 2
LEAF_SIZE = NODE_SIZE - FIRST
FAN_OUT = LEAF_SIZE // 3
COUNTS = FIRST + FAN_OUT
CHILDREN = COUNTS + FAN_OUT
BLOCK = 32  # a power of two, of which a node's size is a multiple

# The fields of a node.
SIZE, NEXT_FREE = range(2)
# The pool's header has room for the way from a root to a leaf, a node and a child per level, and
# for what is freed meanwhile, a node per level.
PATH = 8
FREED_PATH = 64

# The fields of a tree, in a row of `trees` from some place on.
ROOT, HEIGHT, N_KEYS, UNIQUE = range(4)
TREE_SIZE = 4

MOST_NEW_NODES = 10
"""So many nodes must be free before a key is inserted: one per level, and a new root."""


@inlined
def _take(nodes: Int64Array) -> int:
    """Return an empty node."""
    node = take(nodes, NEXT_FREE)
    nodes[node, SIZE] = 0
    return node


@inlined
def _count_below(nodes: Int64Array, leaf: int, key: int) -> int:
    """Return how many of a leaf's keys are less.

    All are compared, many with one instruction: this takes half the time of a binary search, whose
    steps wait for each other. Whole blocks are compared, so that no branch depends on their number.
    """
    fields = nodes[leaf]
    end = FIRST + fields[SIZE]
    result = 0
    for i in range((end + BLOCK - 1) & -BLOCK):
        result += (fields[i] < key) & (i >= FIRST) & (i < end)
    return result


@inlined
def _child_of(nodes: Int64Array, node: int, key: int) -> int:
    """Return the last child whose least key is not greater, or the first child."""
    keys = nodes[node, FIRST + 1 :]
    result = 0
    for i in range(nodes[node, SIZE] - 1):
        result += keys[i] <= key
    return result


@inner
def key_at(nodes: Int64Array, trees: Int64Array, row: int, tree: int, rank: int) -> int:
    """Return the key that stands at a rank, counted from 0."""
    node = trees[row, tree + ROOT]
    for _ in range(trees[row, tree + HEIGHT]):
        i = 0
        while rank >= nodes[node, COUNTS + i]:
            rank -= nodes[node, COUNTS + i]
            i += 1
        node = nodes[node, CHILDREN + i]
    key: int = nodes[node, FIRST + rank]
    return key


@inner
def count_less(nodes: Int64Array, trees: Int64Array, row: int, tree: int, key: int) -> int:
    """Return how many keys are less than ``key``."""
    if trees[row, tree + N_KEYS] == 0:
        return 0
    node = trees[row, tree + ROOT]
    result = 0
    for _ in range(trees[row, tree + HEIGHT]):
        keys, counts = nodes[node, FIRST + 1 :], nodes[node, COUNTS:]
        child = 0
        for i in range(nodes[node, SIZE] - 1):
            is_less = keys[i] < key
            child += is_less
            result += counts[i] if is_less else 0
        node = nodes[node, CHILDREN + child]
    return result + _count_below(nodes, node, key)


@inlined
def count_equal(nodes: Int64Array, trees: Int64Array, row: int, tree: int, key: int) -> int:
    """Return how often a key is there."""
    less = count_less(nodes, trees, row, tree, key)
    return count_less(nodes, trees, row, tree, key + 1) - less


@inner
def is_single(nodes: Int64Array, trees: Int64Array, row: int, tree: int, key: int) -> bool:
    """Return whether a key, which is there, is there once."""
    node = trees[row, tree + ROOT]
    for _ in range(trees[row, tree + HEIGHT]):
        node = nodes[node, CHILDREN + _child_of(nodes, node, key)]
    place = _count_below(nodes, node, key)
    if place + 1 < nodes[node, SIZE] and nodes[node, FIRST + place + 1] == key:
        return False
    # The leaf before this one may end with an equal key.
    return place > 0 or count_equal(nodes, trees, row, tree, key) == 1


@inner
def clear_tree(nodes: Int64Array, trees: Int64Array, row: int, tree: int) -> None:
    """Remove all keys and give all nodes back."""
    if trees[row, tree + N_KEYS] > 0:
        _free_below(nodes, trees[row, tree + ROOT], trees[row, tree + HEIGHT])
    trees[row, tree + ROOT] = 0
    trees[row, tree + HEIGHT] = 0
    trees[row, tree + N_KEYS] = 0
    trees[row, tree + UNIQUE] = 0


@inner
def _free_below(nodes: Int64Array, top: int, height: int) -> None:
    """Give back a node and all below it: children from the last to the first."""
    level = 0
    nodes[0, FREED_PATH] = top
    while level >= 0:
        node = nodes[0, FREED_PATH + level]
        if level < height and nodes[node, SIZE] > 0:
            nodes[node, SIZE] -= 1
            nodes[0, FREED_PATH + level + 1] = nodes[node, CHILDREN + nodes[node, SIZE]]
            level += 1
        else:
            give_back(nodes, node, NEXT_FREE)
            level -= 1


@inlined
def _open_gap(nodes: Int64Array, node: int, i: int) -> None:
    """Make room for a child at place ``i``."""
    behind = nodes[node, SIZE] - i
    for part in (FIRST, COUNTS, CHILDREN):
        move(nodes, node, part + i + 1, part + i, behind)
    nodes[node, SIZE] += 1


@inlined
def _close_gap(nodes: Int64Array, node: int, i: int) -> None:
    """Remove the child at place ``i`` from a node."""
    nodes[node, SIZE] -= 1
    behind = nodes[node, SIZE] - i
    for part in (FIRST, COUNTS, CHILDREN):
        move(nodes, node, part + i, part + i + 1, behind)


@inner
def _split_child(nodes: Int64Array, parent: int, i: int, is_leaf: bool) -> None:
    """Move the upper half of a full child to a new one behind it."""
    child = nodes[parent, CHILDREN + i]
    new = _take(nodes)
    n = nodes[child, SIZE]
    half = n // 2
    moved = 0
    if is_leaf:
        moved = n - half
        for j in range(moved):
            nodes[new, FIRST + j] = nodes[child, FIRST + half + j]
    else:
        for j in range(n - half):
            for part in (FIRST, COUNTS, CHILDREN):
                nodes[new, part + j] = nodes[child, part + half + j]
            moved += nodes[new, COUNTS + j]
    nodes[new, SIZE] = n - half
    nodes[child, SIZE] = half
    _open_gap(nodes, parent, i + 1)
    nodes[parent, FIRST + i + 1] = nodes[new, FIRST]
    nodes[parent, COUNTS + i + 1] = moved
    nodes[parent, COUNTS + i] -= moved
    nodes[parent, CHILDREN + i + 1] = new


@inlined
def _is_full(nodes: Int64Array, node: int, is_leaf: bool) -> bool:
    most = LEAF_SIZE if is_leaf else FAN_OUT
    return bool(nodes[node, SIZE] == most)


@inner
def insert_key(nodes: Int64Array, trees: Int64Array, row: int, tree: int, key: int) -> None:
    """Add a key; ``MOST_NEW_NODES`` nodes must be free."""
    if trees[row, tree + N_KEYS] == 0:
        trees[row, tree + ROOT] = _take(nodes)
    height = trees[row, tree + HEIGHT]
    node = trees[row, tree + ROOT]
    if _is_full(nodes, node, height == 0):
        root = _take(nodes)
        nodes[root, SIZE] = 1
        nodes[root, FIRST] = nodes[node, FIRST]
        nodes[root, COUNTS] = trees[row, tree + N_KEYS]
        nodes[root, CHILDREN] = node
        _split_child(nodes, root, 0, height == 0)
        height += 1
        trees[row, tree + ROOT] = root
        trees[row, tree + HEIGHT] = height
        node = root
    trees[row, tree + N_KEYS] += 1
    # Full nodes are split on the way down, so that no way back is needed.
    for level in range(height, 0, -1):
        i = _child_of(nodes, node, key)
        if _is_full(nodes, nodes[node, CHILDREN + i], level == 1):
            _split_child(nodes, node, i, level == 1)
            i += nodes[node, FIRST + i + 1] <= key
        nodes[node, COUNTS + i] += 1
        nodes[node, FIRST + i] = min(nodes[node, FIRST + i], key)
        node = nodes[node, CHILDREN + i]
    place = _count_below(nodes, node, key)
    n = nodes[node, SIZE]
    is_new = place == n or nodes[node, FIRST + place] != key
    trees[row, tree + UNIQUE] += is_new
    move(nodes, node, FIRST + place + 1, FIRST + place, n - place)
    nodes[node, FIRST + place] = key
    nodes[node, SIZE] = n + 1


@inner
def _merge_children(nodes: Int64Array, parent: int, i: int, is_leaf: bool) -> None:
    """Move what child ``i + 1`` holds to the end of child ``i``."""
    child, gone = nodes[parent, CHILDREN + i], nodes[parent, CHILDREN + i + 1]
    n, added = nodes[child, SIZE], nodes[gone, SIZE]
    for j in range(added):
        nodes[child, FIRST + n + j] = nodes[gone, FIRST + j]
        if not is_leaf:
            nodes[child, COUNTS + n + j] = nodes[gone, COUNTS + j]
            nodes[child, CHILDREN + n + j] = nodes[gone, CHILDREN + j]
    nodes[child, SIZE] = n + added
    nodes[parent, COUNTS + i] += nodes[parent, COUNTS + i + 1]
    _close_gap(nodes, parent, i + 1)
    give_back(nodes, gone, NEXT_FREE)


@inlined
def _merged_place(nodes: Int64Array, node: int, i: int, is_leaf: bool) -> int:
    """Merge child ``i`` with a neighbour if both are small; return its place afterwards."""
    most = (LEAF_SIZE if is_leaf else FAN_OUT) // 2
    n = nodes[nodes[node, CHILDREN + i], SIZE]
    if n > most // 2:
        return i
    if i + 1 < nodes[node, SIZE] and n + nodes[nodes[node, CHILDREN + i + 1], SIZE] <= most:
        _merge_children(nodes, node, i, is_leaf)
    elif i > 0 and n + nodes[nodes[node, CHILDREN + i - 1], SIZE] <= most:
        _merge_children(nodes, node, i - 1, is_leaf)
        return i - 1
    return i


@inner
def erase_key(nodes: Int64Array, trees: Int64Array, row: int, tree: int, key: int) -> None:
    """Remove a key, which must be there, once."""
    if trees[row, tree + N_KEYS] == 1:
        clear_tree(nodes, trees, row, tree)
        return
    trees[row, tree + N_KEYS] -= 1
    node = trees[row, tree + ROOT]
    height = trees[row, tree + HEIGHT]
    depth = 0
    for level in range(height, 0, -1):
        i = _merged_place(nodes, node, _child_of(nodes, node, key), level == 1)
        child = nodes[node, CHILDREN + i]
        if nodes[node, COUNTS + i] == 1:  # it was the only key below this child
            _free_below(nodes, child, level - 1)
            _close_gap(nodes, node, i)
            _raise_least_key(nodes, node, i, depth)
            trees[row, tree + UNIQUE] -= count_equal(nodes, trees, row, tree, key) == 0
            return
        nodes[node, COUNTS + i] -= 1
        nodes[0, PATH + 2 * depth] = node
        nodes[0, PATH + 2 * depth + 1] = i
        depth += 1
        if depth == 1 and nodes[node, SIZE] == 1:  # a root with one child is not needed
            give_back(nodes, node, NEXT_FREE)
            trees[row, tree + ROOT] = child
            trees[row, tree + HEIGHT] = level - 1
            depth = 0
        node = child
    place = _count_below(nodes, node, key)
    nodes[node, SIZE] -= 1
    n = nodes[node, SIZE]
    move(nodes, node, FIRST + place, FIRST + place + 1, n - place)
    is_gone = place == n or nodes[node, FIRST + place] != key
    if place == 0:
        _raise_least_key(nodes, node, 0, depth)
        if is_gone and height > 0:  # the leaf before this one may end with an equal key
            is_gone = count_equal(nodes, trees, row, tree, key) == 0
    trees[row, tree + UNIQUE] -= is_gone


@inlined
def _raise_least_key(nodes: Int64Array, node: int, i: int, depth: int) -> None:
    """Tell the nodes on the way what the least key of ``node`` is, if its first part has gone."""
    while i == 0 and depth > 0:
        depth -= 1
        least = nodes[node, FIRST]
        node, i = nodes[0, PATH + 2 * depth], nodes[0, PATH + 2 * depth + 1]
        nodes[node, FIRST + i] = least
