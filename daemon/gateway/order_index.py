"""Every order the account has had, found by permId, by who placed it, or by its bracket; no rules of trading here."""

from collections.abc import Iterable

from daemon.gateway.ledger import OrderRow

FINISHED = frozenset({"Filled", "Cancelled"})
MANUAL_CLIENT = 0  # orders entered by hand show this client, and order id 0 until they are bound
_FIRST_PERM_ID = 1_500_000_000


class OrderIndex:
    """The orders by permId, in the order they came."""

    def __init__(self) -> None:
        self.rows: dict[int, OrderRow] = {}
        self.last_perm_id = _FIRST_PERM_ID
        self._by_client: dict[tuple[int, int], int] = {}  # (client, order id) to permId
        self._last_order_id: dict[int, int] = {}
        self._unfinished: dict[int, None] = {}  # permIds, a set that keeps its order

    def restore(self, rows: Iterable[OrderRow], last_order_ids: dict[int, int], last_perm_id: int | None) -> None:
        """Take up what the books have."""
        self._last_order_id = dict(last_order_ids)
        self.last_perm_id = last_perm_id or _FIRST_PERM_ID
        for row in rows:
            self.put(row)

    def put(self, row: OrderRow) -> None:
        """Keep an order as it stands now."""
        self.rows[row.perm_id] = row
        if row.order_id:
            self._by_client[row.client_id, row.order_id] = row.perm_id
        if row.status in FINISHED:
            self._unfinished.pop(row.perm_id, None)
        else:
            self._unfinished[row.perm_id] = None

    def of_client(self, client_id: int, order_id: int) -> OrderRow | None:
        """Return the order a client means by its id, None when it has placed none such."""
        perm_id = self._by_client.get((client_id, order_id))
        return None if perm_id is None else self.rows[perm_id]

    def working(self) -> list[OrderRow]:
        """Return every order that is not finished, drafts included, oldest first."""
        rows = (self.rows[perm_id] for perm_id in self._unfinished)
        return [row for row in rows if row.status not in FINISHED]

    def children(self, perm_id: int) -> list[OrderRow]:
        """Return the unfinished orders that are attached to an order."""
        return [row for row in self.working() if row.parent_perm_id == perm_id]

    def family(self, row: OrderRow) -> list[OrderRow]:
        """Return the unfinished orders of a bracket, the parent first."""
        root = self.rows.get(row.parent_perm_id, row)
        relatives = [root, *self.children(root.perm_id)]
        return [relative for relative in relatives if relative.status not in FINISHED]

    def unbound(self) -> list[OrderRow]:
        """Return the unfinished orders entered by hand that no client has taken over."""
        return [row for row in self.working() if row.is_manual and not row.order_id]

    def take_perm_id(self) -> int:
        """Return a permId no other order has."""
        self.last_perm_id += 1
        return self.last_perm_id

    def next_order_id(self, client_id: int) -> int:
        """Return an id above all this client has used."""
        return self.last_order_id(client_id) + 1

    def last_order_id(self, client_id: int) -> int:
        """Return the highest id this client has used, 0 before the first."""
        return self._last_order_id.get(client_id, 0)

    def use_order_id(self, client_id: int, order_id: int) -> None:
        """Remember that a client has used an id."""
        self._last_order_id[client_id] = max(order_id, self.last_order_id(client_id))

    def reissue_ids(self, client_id: int, next_id: int) -> None:
        """Let a client use ids from `next_id` on again; finished orders that had them keep only their permId."""
        self._last_order_id[client_id] = next_id - 1
        for key, perm_id in tuple(self._by_client.items()):
            if key[0] == client_id and key[1] >= next_id and perm_id not in self._unfinished:
                del self._by_client[key]

    def next_bound_id(self) -> int:
        """Return the negative id the next manual order is bound under."""
        bound = [order_id for client_id, order_id in self._by_client if client_id == MANUAL_CLIENT]
        return min(0, *bound, 0) - 1
