/*
 * Access beyond ownership: who may do what with whose tasks.  Roles as OID and
 * name, as everywhere; role_id 0 stands for everybody.
 */
SET LOCAL ROLE taskcenter_owner;

CREATE SEQUENCE taskcenter.grant_ids MAXVALUE 9007199254740991;

CREATE TABLE taskcenter.access_grants (
    grant_id        bigint NOT NULL DEFAULT nextval('taskcenter.grant_ids'),
    role            text NOT NULL,
    role_id         bigint NOT NULL,
    level           text NOT NULL,
    task_id         bigint,
    application     text,
    queue           text,
    owner           text NOT NULL,
    owner_id        bigint NOT NULL,
    granted_by      text NOT NULL,
    granted_at      timestamptz NOT NULL,
    under_grant_id  bigint,
    CONSTRAINT access_grants_pkey PRIMARY KEY (grant_id),
    CONSTRAINT access_grant_level_known
        CHECK (level = ANY (ARRAY['viewer', 'enqueuer', 'worker', 'operator', 'admin'])),
    CONSTRAINT access_grant_has_one_scope CHECK (num_nonnulls(task_id, application, queue) = 1)
);
/* by names, so that a grant to somebody who was made again replaces the old one */
CREATE UNIQUE INDEX access_grants_key ON taskcenter.access_grants
    (role, level, owner, (coalesce(task_id, 0)), (coalesce(application, '')),
    (coalesce(queue, '')));
CREATE INDEX access_grants_role_idx ON taskcenter.access_grants (role_id);
CREATE INDEX access_grants_owner_idx ON taskcenter.access_grants (owner_id);

RESET ROLE;
