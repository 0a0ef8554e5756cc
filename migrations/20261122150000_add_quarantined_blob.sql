-- The bytes that an entry names are handed in even where the entry itself was set aside: a dispatcher sees the photo too.
alter table quarantine
    add column blob_sha256 bytea,
    add column blob_size bigint;
create index quarantine_blob_idx on quarantine (tenant_id, user_id, blob_sha256) where blob_sha256 is not null;
