-- Articles and procedures: what somebody on site would otherwise have to ask for.
--
-- A text is written once and never changed; an article says which of its texts is the draft and which is published. What is
-- published is one set for the whole tenant: each publishing and withdrawing takes the next revision of the set, under a
-- lock until it commits, so a phone that has revision n has everything up to n.

create extension if not exists btree_gin;

create table knowledge (
    tenant_id uuid not null,
    revision bigint not null,
    constraint knowledge_pkey primary key (tenant_id),
    constraint knowledge_tenant_fkey foreign key (tenant_id) references tenant (tenant_id)
);

create table article (
    tenant_id uuid not null,
    article_id uuid not null,
    kind text not null,
    last bigint not null default 0,      -- number of the newest text
    draft bigint,                        -- number of the text that is not published yet
    published bigint,                    -- number of the text that readers see
    published_at timestamptz,
    withdrawn_at timestamptz,
    revision bigint,                     -- of the set, when it was last published or withdrawn; null before
    bytes integer,                       -- of title and body, as phones are sent them
    terms text[],                        -- what the published text is found by: see sync_core::search
    version bigint not null default 1,
    created_at timestamptz not null,
    constraint article_pkey primary key (tenant_id, article_id),
    constraint article_tenant_fkey foreign key (tenant_id) references tenant (tenant_id),
    constraint article_revision_key unique (tenant_id, revision),
    constraint article_kind_check check (kind in ('article', 'procedure')),
    constraint article_published_check check (
        (published is null) = (terms is null) and (published is null) = (bytes is null)
        and (published is null) = (published_at is null)
        and (published is null or (revision is not null and withdrawn_at is null))
    )
);
create index article_terms_idx on article using gin (tenant_id, terms) where published is not null;

create table article_text (
    tenant_id uuid not null,
    article_id uuid not null,
    number bigint not null,
    title text not null,
    body text not null,
    language text not null,
    tags text[] not null,
    ticket_types text[] not null,
    asset_models text[] not null,
    written_at timestamptz not null,
    written_by uuid not null,
    constraint article_text_pkey primary key (tenant_id, article_id, number),
    constraint article_text_article_fkey foreign key (tenant_id, article_id) references article (tenant_id, article_id),
    constraint article_text_written_by_fkey foreign key (tenant_id, written_by) references app_user (tenant_id, user_id),
    constraint article_text_title_check check (length(title) between 1 and 200),
    constraint article_text_body_check check (octet_length(body) between 1 and 98304),
    constraint article_text_language_check check (language in ('zh', 'en', 'both')),
    constraint article_text_lists_check check (
        cardinality(tags) <= 30 and cardinality(ticket_types) <= 30 and cardinality(asset_models) <= 30
    )
);

alter table article
    add constraint article_draft_fkey foreign key (tenant_id, article_id, draft)
        references article_text (tenant_id, article_id, number),
    add constraint article_published_fkey foreign key (tenant_id, article_id, published)
        references article_text (tenant_id, article_id, number);

do $$
declare
    t text;
begin
    foreach t in array array['knowledge', 'article', 'article_text'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant_isolation on %I
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end
$$;

-- What was written stays as it was written.
grant select, insert, update on knowledge, article to app;
grant select, insert on article_text to app;

-- Containment of arrays is not leakproof, so under row-level security it would have no index: this function has none, and
-- its own tenant filter instead, from the same setting.
create policy definer_reads on article for select to callout_definer using (true);
grant select on article to callout_definer;

set role callout_definer;

-- The published articles that hold any of these terms, the more telling ones first; beside each how many articles there
-- are, and how many hold each of the terms.
create function find_articles (wanted text[], at_most integer)
    returns table (article_id uuid, articles bigint, frequencies bigint[])
    language sql stable security definer set search_path = pg_catalog, public
as $$
    with hit as materialized (
        select a.article_id, w.place
        from unnest(wanted) with ordinality as w (term, place)
        join public.article a
            on a.tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)
            and a.published is not null
            and a.terms @> array[w.term]
    ),
    frequency as materialized (
        select places.place, count(hit.article_id) as articles
        from generate_series(1, cardinality(wanted)) as places (place)
        left join hit on hit.place = places.place
        group by places.place
    ),
    total as materialized (
        select count(*) as articles
        from public.article a
        where a.tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)
            and a.published is not null
    )
    select hit.article_id, (select articles from total), (select array_agg(articles order by place) from frequency)
    from hit
    join frequency on frequency.place = hit.place
    group by hit.article_id
    order by sum(ln(1 + (select articles from total)::float8 / frequency.articles)) desc, hit.article_id
    limit at_most
$$;

reset role;

revoke all on function find_articles (text[], integer) from public;
grant execute on function find_articles (text[], integer) to app;
