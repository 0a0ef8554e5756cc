-- Which history of the database this is. A database restored from a backup has another timeline or another identifier
-- than the one remembered here; the server then announces a new epoch, and phones offer again what they still hold.

create table server_epoch (
  only_row             boolean     not null default true,
  epoch                uuid        not null,
  database_identifier  bigint      not null,
  timeline             integer     not null,
  since                timestamptz not null,
  constraint server_epoch_pkey primary key (only_row),
  constraint server_epoch_only_row_check check (only_row)
);
grant select, insert, update on server_epoch to callout_definer;

set role callout_definer;

-- The present epoch; the fresh one if the history has changed, or if a person says that it has.
create function claim_server_epoch(fresh uuid, is_restored boolean, at_time timestamptz)
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, public
as $$
declare
  identifier bigint := (select system_identifier from pg_control_system());
  present_timeline integer := (select timeline_id from pg_control_checkpoint());
  claimed uuid;
begin
  insert into public.server_epoch as known (epoch, database_identifier, timeline, since)
  values (fresh, identifier, present_timeline, at_time)
  on conflict (only_row) do update
    set epoch = excluded.epoch, database_identifier = identifier, timeline = present_timeline, since = at_time
    where is_restored or known.database_identifier <> identifier or known.timeline <> present_timeline
  returning epoch into claimed;
  return coalesce(claimed, (select epoch from public.server_epoch));
end
$$;

reset role;

revoke all on function claim_server_epoch(uuid, boolean, timestamptz) from public;
grant execute on function claim_server_epoch(uuid, boolean, timestamptz) to app;
