-- Everything that runs before a tenant is known, in one place: these functions see across tenants, so each answers one
-- narrow question. They belong to callout_definer, which may read only what is granted here.

create policy definer_reads on tenant for select to callout_definer using (true);
create policy definer_reads on app_user for select to callout_definer using (true);
create policy definer_reads on device for select to callout_definer using (true);
create policy definer_reads on session for select to callout_definer using (true);
create policy definer_reads on access_token for select to callout_definer using (true);
create policy definer_forgets on access_token for delete to callout_definer using (true);
create policy definer_reads on refresh_token for select to callout_definer using (true);
create policy definer_forgets on refresh_token for delete to callout_definer using (true);
create policy definer_reads on device_challenge for select to callout_definer using (true);
create policy definer_forgets on device_challenge for delete to callout_definer using (true);
create policy definer_reads on idempotency_key for select to callout_definer using (true);
create policy definer_forgets on idempotency_key for delete to callout_definer using (true);

grant select on tenant, app_user, device, session to callout_definer;
grant select, delete on access_token, refresh_token, device_challenge, idempotency_key to callout_definer;

set role callout_definer;

-- Whose account an address may be. With no tenant named there may be several; the caller then signs nobody in.
create function sign_in_candidates(wanted_email text, wanted_slug text)
returns table (tenant_id uuid, user_id uuid, password_hash text)
language sql stable security definer
set search_path = pg_catalog, public
as $$
  select u.tenant_id, u.user_id, u.password_hash
  from public.app_user u
  join public.tenant t using (tenant_id)
  where u.email = wanted_email
    and (wanted_slug is null or t.slug = wanted_slug)
    and u.disabled_at is null
  order by u.created_at, u.user_id
  limit 2
$$;

-- Bearer tokens are looked up many at a time: one statement for all requests that are waiting at that moment.
-- Who each bearer token speaks for, at this moment: revocation takes effect because this is asked at every request. `ask`
-- is the place in the arrays, from 1; a token that is good for nothing has no row.
create function authenticate(of_tenants uuid[], of_tokens_sha256 bytea[], at_time timestamptz)
returns table (ask bigint, session_id uuid, user_id uuid, device_id uuid, role text, revoked_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, public
-- A look into an index for each token, whatever the tables' sizes were when the plan was made.
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  return query
    select asked.ask, s.session_id, u.user_id, s.device_id, u.role, least(u.disabled_at, d.revoked_at)
    from unnest(of_tenants, of_tokens_sha256) with ordinality as asked (tenant_id, token_sha256, ask)
    join public.access_token a on a.tenant_id = asked.tenant_id and a.token_sha256 = asked.token_sha256
    join public.session s on s.tenant_id = a.tenant_id and s.session_id = a.session_id
    join public.app_user u on u.tenant_id = s.tenant_id and u.user_id = s.user_id
    left join public.device d on d.tenant_id = s.tenant_id and d.device_id = s.device_id
    where a.expires_at > at_time
      and s.ended_at is null;
end
$$;

-- The tenants there are, for workers that take them one by one.
create function tenants()
returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, public
as $$
  select t.tenant_id from public.tenant t order by t.tenant_id
$$;

-- Drops what has expired. Refresh tokens stay 30 days longer, so that the replay of an old one is still recognised.
create function forget_expired(at_time timestamptz)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public
as $$
declare
  total bigint := 0;
  gone bigint;
begin
  delete from public.access_token where expires_at < at_time;
  get diagnostics gone = row_count;
  total := total + gone;
  delete from public.refresh_token where expires_at < at_time - interval '30 days';
  get diagnostics gone = row_count;
  total := total + gone;
  delete from public.device_challenge where expires_at < at_time;
  get diagnostics gone = row_count;
  total := total + gone;
  delete from public.idempotency_key where claimed_at < at_time - interval '48 hours';
  get diagnostics gone = row_count;
  return total + gone;
end
$$;

reset role;

revoke all on function sign_in_candidates(text, text), authenticate(uuid[], bytea[], timestamptz), tenants(), forget_expired(timestamptz) from public;
grant execute on function sign_in_candidates(text, text), authenticate(uuid[], bytea[], timestamptz), tenants(), forget_expired(timestamptz) to app;
