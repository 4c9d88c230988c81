/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Differences between the supported server versions, 15 to 18.
 *
 * The only file that looks at PG_VERSION_NUM.  Macros name functions of the
 * server without including their headers: the user of a macro includes what
 * its comment says, so that a file pays only for what it uses.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TC_COMPAT_H
#define TC_COMPAT_H

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "taskcenter supports PostgreSQL 15 to 18"
#endif

/* A function that does not return; before its type. */
#if PG_VERSION_NUM >= 180000
#define tc_noreturn pg_noreturn
#else
#define tc_noreturn pg_attribute_noreturn()
#endif

/* Tells the transactions of a session apart, with or without an xid: storage/proc.h. */
#if PG_VERSION_NUM >= 170000
#define tc_local_transaction() (MyProc->vxid.lxid)
#else
#define tc_local_transaction() (MyProc->lxid)
#endif

/* Ownership: utils/acl.h, catalog/pg_class.h, catalog/pg_database.h, catalog/pg_extension.h. */
#if PG_VERSION_NUM >= 160000
#define tc_owns_database(database, role) \
	object_ownercheck(DatabaseRelationId, (database), (role))
#define tc_owns_extension(extension, role) \
	object_ownercheck(ExtensionRelationId, (extension), (role))
#define tc_owns_relation(relation, role) \
	object_ownercheck(RelationRelationId, (relation), (role))
#else
#define tc_owns_relation(relation, role) \
	pg_class_ownercheck((relation), (role))
#define tc_owns_database(database, role) \
	pg_database_ownercheck((database), (role))
#define tc_owns_extension(extension, role) \
	pg_extension_ownercheck((extension), (role))
#endif

/* Roles: utils/acl.h, catalog/pg_database.h. */
#if PG_VERSION_NUM >= 160000
#define tc_role_may_set(member, role) member_can_set_role((member), (role))
#define tc_role_may_connect(role, database) \
	(object_aclcheck(DatabaseRelationId, (database), (role), ACL_CONNECT) == ACLCHECK_OK)
#else
#define tc_role_may_set(member, role) is_member_of_role((member), (role))
#define tc_role_may_connect(role, database) \
	(pg_database_aclcheck((database), (role), ACL_CONNECT) == ACLCHECK_OK)
#endif

/* Schemas: utils/acl.h, catalog/pg_namespace.h. */
#if PG_VERSION_NUM >= 160000
#define tc_may_create_in_schema(schema, role) \
	(object_aclcheck(NamespaceRelationId, (schema), (role), ACL_CREATE) == ACLCHECK_OK && \
	 object_aclcheck(NamespaceRelationId, (schema), (role), ACL_USAGE) == ACLCHECK_OK)
#else
#define tc_may_create_in_schema(schema, role) \
	(pg_namespace_aclcheck((schema), (role), ACL_CREATE) == ACLCHECK_OK && \
	 pg_namespace_aclcheck((schema), (role), ACL_USAGE) == ACLCHECK_OK)
#endif

/* Functions: utils/acl.h, catalog/pg_proc.h, utils/regproc.h. */
#if PG_VERSION_NUM >= 160000
#define tc_may_execute(function, role) \
	(object_aclcheck(ProcedureRelationId, (function), (role), ACL_EXECUTE) == ACLCHECK_OK)
#define tc_qualified_name(text) stringToQualifiedNameList((text), NULL)
#else
#define tc_may_execute(function, role) \
	(pg_proc_aclcheck((function), (role), ACL_EXECUTE) == ACLCHECK_OK)
#define tc_qualified_name(text) stringToQualifiedNameList(text)
#endif

/* Entries in the indexes of a row that is new: executor/executor.h. */
#if PG_VERSION_NUM >= 160000
#define tc_insert_index_tuples(result, slot, estate) \
	ExecInsertIndexTuples((result), (slot), (estate), false, false, NULL, NIL, false)
#else
#define tc_insert_index_tuples(result, slot, estate) \
	ExecInsertIndexTuples((result), (slot), (estate), false, false, NULL, NIL)
#endif

/* A portal to its end, as a client's statement: tcop/pquery.h. */
#if PG_VERSION_NUM >= 180000
#define tc_portal_run(portal, receiver, completion) \
	((void) PortalRun((portal), FETCH_ALL, true, (receiver), (receiver), (completion)))
#else
#define tc_portal_run(portal, receiver, completion) \
	((void) PortalRun((portal), FETCH_ALL, true, true, (receiver), (receiver), (completion)))
#endif

/* Temporary slots of the session: replication/slot.h. */
#if PG_VERSION_NUM >= 170000
#define tc_replication_slot_cleanup() ReplicationSlotCleanup(false)
#else
#define tc_replication_slot_cleanup() ReplicationSlotCleanup()
#endif

/* What sessions do, by numbers from 1: utils/backend_status.h. */
#if PG_VERSION_NUM >= 160000
#define tc_backend_status(number) pgstat_get_local_beentry_by_index(number)
#else
#define tc_backend_status(number) pgstat_fetch_stat_local_beentry(number)
#endif

/* How many settings there are, into an int: utils/guc.h, utils/guc_tables.h. */
#if PG_VERSION_NUM >= 160000
#define tc_count_settings(count) pfree(get_guc_variables(count))
#else
#define tc_count_settings(count) ((void) (*(count) = GetNumConfigOptions()))
#endif

/* A wait event of our own, made once per process: utils/wait_event.h. */
#if PG_VERSION_NUM >= 170000
#define tc_wait_event_new(name) WaitEventExtensionNew(name)
#else
#define tc_wait_event_new(name) PG_WAIT_EXTENSION
#endif

/* A scan of a whole index: access/genam.h. */
#if PG_VERSION_NUM >= 180000
#define tc_index_beginscan(table, index, snapshot) \
	index_beginscan((table), (index), (snapshot), NULL, 0, 0)
#else
#define tc_index_beginscan(table, index, snapshot) \
	index_beginscan((table), (index), (snapshot), 0, 0)
#endif

/* A time out of its fields; 0: it is one: utils/datetime.h. */
#if PG_VERSION_NUM >= 160000
#define tc_decode_datetime(field, types, count, kind, parts, fraction, zone) \
	DecodeDateTime((field), (types), (count), (kind), (parts), (fraction), (zone), \
				   &(DateTimeErrorExtra) {0})
#else
#define tc_decode_datetime(field, types, count, kind, parts, fraction, zone) \
	DecodeDateTime((field), (types), (count), (kind), (parts), (fraction), (zone))
#endif

/* What the library says of itself: fmgr.h. */
#if PG_VERSION_NUM >= 180000
#define TC_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "taskcenter", .version = "1.0")
#else
#define TC_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif							/* TC_COMPAT_H */
