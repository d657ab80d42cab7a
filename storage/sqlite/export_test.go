package sqlite

import "github.com/jmoiron/sqlx"

// The statements let tests look at their plans.
var (
	SnapshotStatement   = snapshotStatement
	ProfilesStatement   = profilesStatement
	ExportStatement     = exportStatement
	MoveParticipations  = moveParticipations
	MoveAdmissions      = moveAdmissions
	OverParticipations  = overParticipations
	DeleteParticipation = deleteParticipation
	OverAdmissions      = overAdmissions
	DeleteAdmission     = deleteAdmission

	DistributionStatement = distributionStatement
	FormerStatement       = formerStatement
	MoveAliases           = moveAliases
	EndedMembers          = endedMembers
	OverDistributions     = overDistributions
	DeleteDistribution    = deleteDistribution
	EventsStatement       = eventsStatement
	DeleteEvents          = deleteEvents
	DeleteOrders          = deleteOrders
	MoveEvents            = moveEvents
	GuestMembers          = guestMembers
	PutCompletion         = putCompletion
	Completable           = completable
	CompletionOf          = completionOf
	MoveCompletions       = moveCompletions
	DeleteCompletions     = deleteCompletions("admission")
)

// RequiredSchema is the version that this program needs.
const RequiredSchema = requiredSchema

// Writer and Readers let tests look at the settings of the connections.
func (s *Store) Writer() *sqlx.DB  { return s.writer }
func (s *Store) Readers() *sqlx.DB { return s.readers }

// Translate lets tests translate errors that SQLite reports rarely.
var Translate = translate
