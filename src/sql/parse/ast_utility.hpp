// Statements about the session, transactions, plans and bulk data.
#pragma once

#include "sql/parse/ast_schema.hpp"

namespace ldb::sql::ast {

enum class TransactionKind : std::uint8_t {
  kBegin,
  kStart,
  kCommit,
  kRollback,
  kSavepoint,
  kRelease,
  kRollbackTo,
  kPrepare,
  kCommitPrepared,
  kRollbackPrepared
};
enum class IsolationLevel : std::uint8_t { kUnspecified, kReadUncommitted, kReadCommitted, kRepeatableRead, kSerializable };
enum class Tristate : std::uint8_t { kUnspecified, kNo, kYes };
struct TransactionModes {
  IsolationLevel isolation = IsolationLevel::kUnspecified;
  Tristate read_only = Tristate::kUnspecified;
  Tristate deferrable = Tristate::kUnspecified;
};
/// BEGIN, COMMIT (END), ROLLBACK (ABORT), savepoints, two-phase commit.
struct Transaction : StatementOf<StatementKind::kTransaction> {
  TransactionKind transaction = TransactionKind::kBegin;
  TransactionModes modes;
  Tristate chain = Tristate::kUnspecified;  ///< AND [NO] CHAIN
  std::string_view name;                    ///< Savepoint, or id of a prepared transaction.
};

enum class SetScope : std::uint8_t { kSession, kLocal };
/// SET [SESSION | LOCAL] name = values. SET TIME ZONE x is "timezone", SET NAMES "client_encoding", SET SCHEMA "search_path",
/// SET ROLE "role", SET SESSION AUTHORIZATION "session_authorization".
struct SetVariable : StatementOf<StatementKind::kSetVariable> {
  SetScope scope = SetScope::kSession;
  bool to_default = false;    ///< SET x TO DEFAULT, SET TIME ZONE LOCAL
  bool from_current = false;  ///< SET x FROM CURRENT
  std::string_view name;      ///< Dotted names joined: "a.b".
  List<OptionValue> values;
  const Expression* interval = nullptr;  ///< SET TIME ZONE INTERVAL '...' HOUR TO MINUTE
};
/// SET TRANSACTION modes; SET SESSION CHARACTERISTICS AS TRANSACTION modes.
struct SetTransaction : StatementOf<StatementKind::kSetTransaction> {
  bool session = false;
  SetScope scope = SetScope::kSession;  ///< SET LOCAL TRANSACTION
  TransactionModes modes;
  std::string_view snapshot;  ///< SET TRANSACTION SNAPSHOT 'id'
};
struct SetConstraints : StatementOf<StatementKind::kSetConstraints> {
  bool all = false;
  bool deferred = false;
  List<QualifiedName> names;
};
struct Show : StatementOf<StatementKind::kShow> {
  bool all = false;
  std::string_view name;  ///< Special forms: "timezone", "transaction_isolation", "session_authorization".
};
struct Reset : StatementOf<StatementKind::kReset> {
  bool all = false;
  std::string_view name;
};

/// EXPLAIN [ANALYZE] [VERBOSE] statement, EXPLAIN (options) statement. Keyword forms arrive as options "analyze", "verbose".
struct Explain : StatementOf<StatementKind::kExplain> {
  List<Option> options;
  const Statement* statement = nullptr;
};

struct MaintainedTable {
  QualifiedName name;
  List<Name> columns;
};
/// ANALYZE [VERBOSE] [TABLE] [t [(a, b)], ...]. The word TABLE is ldb's own.
struct Analyze : StatementOf<StatementKind::kAnalyze> {
  List<Option> options;
  List<MaintainedTable> tables;  ///< Empty: all.
};
/// Keyword forms (VACUUM FULL ANALYZE) arrive as options "full", "freeze", "verbose", "analyze".
struct Vacuum : StatementOf<StatementKind::kVacuum> {
  List<Option> options;
  List<MaintainedTable> tables;
};

struct Prepare : StatementOf<StatementKind::kPrepare> {
  std::string_view name;
  List<const TypeName*> types;
  const Statement* statement = nullptr;
};
struct Execute : StatementOf<StatementKind::kExecute> {
  std::string_view name;
  List<const Expression*> arguments;
};
struct Deallocate : StatementOf<StatementKind::kDeallocate> {
  bool all = false;
  std::string_view name;
};

enum class CopyEnd : std::uint8_t { kFile, kProgram, kStandard };
struct Copy : StatementOf<StatementKind::kCopy> {
  bool is_from = false;
  CopyEnd end = CopyEnd::kFile;
  QualifiedName table;  ///< Empty name when `source` is set.
  List<Name> columns;
  const Statement* source = nullptr;  ///< COPY (query) TO: SelectStatement or a data change with RETURNING.
  std::string_view path;              ///< File or command.
  List<Option> options;               ///< Old syntax (CSV HEADER DELIMITER ',') arrives as options too.
  const Expression* where = nullptr;
};

struct DeclareCursor : StatementOf<StatementKind::kDeclareCursor> {
  std::string_view name;
  bool binary = false;
  Tristate insensitive = Tristate::kUnspecified;  ///< kNo: ASENSITIVE
  Tristate scroll = Tristate::kUnspecified;
  Tristate hold = Tristate::kUnspecified;
  const Query* query = nullptr;
};
enum class FetchDirection : std::uint8_t { kForward, kBackward, kAbsolute, kRelative };
/// FETCH or MOVE. NEXT is forward 1, PRIOR backward 1, FIRST absolute 1, LAST absolute -1.
struct Fetch : StatementOf<StatementKind::kFetch> {
  bool is_move = false;
  FetchDirection direction = FetchDirection::kForward;
  bool all = false;
  std::int64_t count = 1;
  std::string_view cursor;
};
struct CloseCursor : StatementOf<StatementKind::kCloseCursor> {
  bool all = false;
  std::string_view name;
};
enum class TableLockMode : std::uint8_t {
  kAccessShare,
  kRowShare,
  kRowExclusive,
  kShareUpdateExclusive,
  kShare,
  kShareRowExclusive,
  kExclusive,
  kAccessExclusive
};
struct LockTable : StatementOf<StatementKind::kLockTable> {
  List<RelationRef> tables;
  TableLockMode mode = TableLockMode::kAccessExclusive;
  bool no_wait = false;
};
enum class DiscardKind : std::uint8_t { kAll, kPlans, kSequences, kTemporary };
struct Discard : StatementOf<StatementKind::kDiscard> {
  DiscardKind discard = DiscardKind::kAll;
};
struct Listen : StatementOf<StatementKind::kListen> {
  std::string_view channel;
};
struct Unlisten : StatementOf<StatementKind::kUnlisten> {
  bool all = false;
  std::string_view channel;
};
struct Notify : StatementOf<StatementKind::kNotify> {
  std::string_view channel;
  std::string_view payload;
};
struct Checkpoint : StatementOf<StatementKind::kCheckpoint> {};

}  // namespace ldb::sql::ast
