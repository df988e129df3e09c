-- Version 3: tenants, and a log whose right border lies beside its checkpoint.

-- The transparency log. Leaves are canonical JSON (attestation-ledger). `tenant` and `time` repeat what the leaf says, to
-- look entries up by.
CREATE TABLE entry (
    idx    INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    time   INTEGER NOT NULL,
    bytes  BLOB NOT NULL
) STRICT;
CREATE INDEX entry_of_tenant ON entry (tenant, idx);

-- Hashes of the tree's complete nodes; derivable from `entry`, and compared with it at every start.
CREATE TABLE node (
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- The newest signed checkpoint, written in the transaction of the entries that it covers. `border` is the tree's right
-- border, from the largest complete subtree to the smallest: what the next entries are hashed with.
CREATE TABLE checkpoint (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    note   TEXT NOT NULL,
    border BLOB NOT NULL CHECK (length(border) % 32 = 0),
    time   INTEGER NOT NULL
) STRICT;

-- What verdicts were computed from, by SHA-256.
CREATE TABLE blob (
    sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),
    bytes  BLOB NOT NULL
) STRICT;

-- Attempts to attest: each used up a nonce. `session` is a hash of the cookie, so the file holds no live session. `verdict`
-- is the index of the verdict's entry, which alone says what came of it.
CREATE TABLE attempt (
    session   TEXT PRIMARY KEY,
    forget_at INTEGER NOT NULL,
    verdict   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_by_end ON attempt (forget_at);

-- What tenants registered: policies, reference values and so on, as they were put.
CREATE TABLE document (
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    bytes  BLOB NOT NULL,
    PRIMARY KEY (tenant, kind, name)
) STRICT, WITHOUT ROWID;

-- Counts the changes of a tenant's documents.
CREATE TABLE revision (
    tenant TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Secrets, sealed by the keyring; all other columns are associated data. A destroyed version keeps its row, without bytes.
CREATE TABLE secret (
    tenant   TEXT NOT NULL,
    resource TEXT NOT NULL,
    version  INTEGER NOT NULL CHECK (version > 0),
    terms    BLOB NOT NULL,
    sealed   BLOB NOT NULL,
    PRIMARY KEY (tenant, resource, version)
) STRICT, WITHOUT ROWID;

-- The log only grows, whatever a bug of ours may try.
CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER entry_is_never_removed BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
-- A verdict is given once.
CREATE TRIGGER verdict_is_given_once BEFORE UPDATE OF verdict ON attempt WHEN OLD.verdict IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an attempt has one verdict'); END;
