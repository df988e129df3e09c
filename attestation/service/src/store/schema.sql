-- Version 1. Everything that must survive a crash together is in this one file.

-- The transparency log. Leaves are canonical JSON (attestation-ledger).
CREATE TABLE entry (
    idx   INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- Hashes of the tree's complete nodes; derivable from `entry`, and compared with it at every start.
CREATE TABLE node (
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- The newest signed checkpoint; written in the transaction of the entries that it covers.
CREATE TABLE checkpoint (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    note TEXT NOT NULL
) STRICT;

-- What verdicts were computed from, by SHA-256.
CREATE TABLE blob (
    sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),
    bytes  BLOB NOT NULL
) STRICT;

-- Nonces that were handed out. `name` is a hash of the cookie, so the file holds no live session.
CREATE TABLE session (
    name    TEXT PRIMARY KEY,
    nonce   BLOB NOT NULL UNIQUE CHECK (length(nonce) = 32),
    tee     TEXT NOT NULL,
    expires INTEGER NOT NULL,
    burned  INTEGER NOT NULL DEFAULT 0 CHECK (burned IN (0, 1))
) STRICT;
CREATE INDEX session_by_expiry ON session (expires);

CREATE TABLE policy (
    name     TEXT PRIMARY KEY,
    document BLOB NOT NULL
) STRICT;

CREATE TABLE reference_value (
    name     TEXT PRIMARY KEY,
    document BLOB NOT NULL
) STRICT;

-- Secrets, AES-256-GCM under the seal key; all other columns are associated data. Which policy and
-- which reference values (comma-separated) a verdict may name is part of the secret.
CREATE TABLE secret (
    resource  TEXT PRIMARY KEY,
    version   INTEGER NOT NULL CHECK (version > 0),
    policy    TEXT NOT NULL,
    reference_values TEXT NOT NULL,
    sealed    BLOB NOT NULL
) STRICT;

-- The log only grows, whatever a bug of ours may try.
CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER entry_is_never_removed BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
-- A burned nonce stays burned.
CREATE TRIGGER nonce_stays_burned BEFORE UPDATE OF burned ON session WHEN OLD.burned = 1
BEGIN SELECT RAISE(ABORT, 'a burned nonce stays burned'); END;
