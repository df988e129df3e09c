-- Version 3: as sqlite/0003.sql, which says what each table is for.

CREATE TABLE entry (
    idx    BIGINT PRIMARY KEY,
    tenant TEXT NOT NULL,
    time   BIGINT NOT NULL,
    bytes  BYTEA NOT NULL
);
CREATE INDEX entry_of_tenant ON entry (tenant, idx);

CREATE TABLE node (
    level BIGINT NOT NULL,
    idx   BIGINT NOT NULL,
    hash  BYTEA NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
);

CREATE TABLE checkpoint (
    one    BIGINT PRIMARY KEY CHECK (one = 1),
    note   TEXT NOT NULL,
    border BYTEA NOT NULL CHECK (length(border) % 32 = 0),
    time   BIGINT NOT NULL
);

CREATE TABLE blob (
    sha256 BYTEA PRIMARY KEY CHECK (length(sha256) = 32),
    bytes  BYTEA NOT NULL
);

CREATE TABLE attempt (
    session   TEXT PRIMARY KEY,
    forget_at BIGINT NOT NULL,
    verdict   BIGINT
);
CREATE INDEX attempt_by_end ON attempt (forget_at);

CREATE TABLE document (
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    bytes  BYTEA NOT NULL,
    PRIMARY KEY (tenant, kind, name)
);

CREATE TABLE revision (
    tenant TEXT PRIMARY KEY,
    number BIGINT NOT NULL
);

CREATE TABLE secret (
    tenant   TEXT NOT NULL,
    resource TEXT NOT NULL,
    version  BIGINT NOT NULL CHECK (version > 0),
    terms    BYTEA NOT NULL,
    sealed   BYTEA NOT NULL,
    PRIMARY KEY (tenant, resource, version)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;
CREATE TRIGGER entry_is_never_changed BEFORE UPDATE OR DELETE ON entry
FOR EACH ROW EXECUTE FUNCTION refuse_change('the log is append-only');
CREATE TRIGGER log_is_never_emptied BEFORE TRUNCATE ON entry
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('the log is append-only');
CREATE TRIGGER verdict_is_given_once BEFORE UPDATE OF verdict ON attempt
FOR EACH ROW WHEN (OLD.verdict IS NOT NULL) EXECUTE FUNCTION refuse_change('an attempt has one verdict');
