package row

// The clauses in this file are the same in all SQL dialects. Each Keep clause decides by
// consumer.Version whether a row replaces the one with the same key, so that no order of
// writers can make the older of two writes remain.

const (
	IntoConsumers      = `INSERT INTO consumers (organization_id, id, updated_at, record)`
	IntoParticipations = `INSERT INTO participations (organization_id, consumer_id, type, id, updated_at, status_rank, expires_at, record)`
	IntoAdmissions     = `INSERT INTO admissions (organization_id, consumer_id, distribution_type, distribution_id, updated_at, status_rank, expires_at, record)`
	IntoDistributions  = `INSERT INTO distributions (organization_id, type, id, updated_at, rank, ended_at, winner_digest, record)`
)

// The records that were written have the columns updated_at, status_rank (rank), expires_at,
// ended_at, winner_digest and record. Those that follow from events have the same columns
// with the prefix folded_, so that neither replaces the other. A row has at least one of
// both.

// Counting returns an expression for a column of the record that counts: the folded one if
// it is the only one or later than the written one. The table is the name or alias of the
// table in the statement.
func Counting(table, column string) string {
	return `CASE WHEN ` + table + `.folded_updated_at > ` + table + `.updated_at OR ` + table + `.updated_at IS NULL` +
		` THEN ` + table + `.folded_` + column + ` ELSE ` + table + `.` + column + ` END`
}

const (
	IntoFoldedConsumers      = `INSERT INTO consumers (organization_id, id, folded_updated_at, folded_record)`
	IntoFoldedParticipations = `INSERT INTO participations (organization_id, consumer_id, type, id, folded_updated_at, folded_status_rank, folded_expires_at, folded_record)`
	IntoFoldedDistributions  = `INSERT INTO distributions (organization_id, type, id, folded_updated_at, folded_rank, folded_ended_at, folded_winner_digest, folded_record)`
	IntoEvents               = `INSERT INTO events (organization_id, id, consumer_id, subject_type, subject_id, record)`
)

// A folded profile or participation replaces the previous one, because it follows from all
// events. A folded distribution follows from one event, of which the greatest remains.
const (
	ReplaceFoldedConsumer = `
ON CONFLICT (organization_id, id) DO UPDATE
SET folded_updated_at = excluded.folded_updated_at, folded_record = excluded.folded_record
WHERE consumers.folded_record IS NULL OR consumers.folded_record <> excluded.folded_record`

	ReplaceFoldedParticipation = `
ON CONFLICT (organization_id, consumer_id, type, id) DO UPDATE
SET folded_updated_at = excluded.folded_updated_at, folded_status_rank = excluded.folded_status_rank,
	folded_expires_at = excluded.folded_expires_at, folded_record = excluded.folded_record
WHERE participations.folded_record IS NULL OR participations.folded_record <> excluded.folded_record`

	KeepGreaterFoldedDistribution = `
ON CONFLICT (organization_id, type, id) DO UPDATE
SET folded_updated_at = excluded.folded_updated_at, folded_rank = excluded.folded_rank,
	folded_ended_at = excluded.folded_ended_at, folded_winner_digest = excluded.folded_winner_digest,
	folded_record = excluded.folded_record
WHERE distributions.folded_updated_at IS NULL OR (excluded.folded_updated_at, excluded.folded_rank, excluded.folded_record)
	> (distributions.folded_updated_at, distributions.folded_rank, distributions.folded_record)`

	KeepFirstEvent = `
ON CONFLICT (organization_id, id) DO NOTHING`
)

const (
	KeepGreaterConsumer = `
ON CONFLICT (organization_id, id) DO UPDATE
SET updated_at = excluded.updated_at, record = excluded.record
WHERE consumers.updated_at IS NULL OR (excluded.updated_at, excluded.record) > (consumers.updated_at, consumers.record)`

	KeepGreaterParticipation = `
ON CONFLICT (organization_id, consumer_id, type, id) DO UPDATE
SET updated_at = excluded.updated_at, status_rank = excluded.status_rank,
	expires_at = excluded.expires_at, record = excluded.record
WHERE participations.updated_at IS NULL OR (excluded.updated_at, excluded.status_rank, excluded.record)
	> (participations.updated_at, participations.status_rank, participations.record)`

	KeepGreaterAdmission = `
ON CONFLICT (organization_id, consumer_id, distribution_type, distribution_id) DO UPDATE
SET updated_at = excluded.updated_at, status_rank = excluded.status_rank,
	expires_at = excluded.expires_at, record = excluded.record
WHERE (excluded.updated_at, excluded.status_rank, excluded.record)
	> (admissions.updated_at, admissions.status_rank, admissions.record)`

	KeepGreaterDistribution = `
ON CONFLICT (organization_id, type, id) DO UPDATE
SET updated_at = excluded.updated_at, rank = excluded.rank,
	ended_at = excluded.ended_at, winner_digest = excluded.winner_digest, record = excluded.record
WHERE distributions.updated_at IS NULL OR (excluded.updated_at, excluded.rank, excluded.record)
	> (distributions.updated_at, distributions.rank, distributions.record)`
)
