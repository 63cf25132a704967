// Transactions, EXPLAIN, maintenance, prepared statements, cursors, locks, notifications.
#include <charconv>

#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

// ---------------------------------------------------------------- transactions

const Statement* Grammar::parse_transaction() {
  auto* node = statement<Transaction>();
  Keyword verb = token_.keyword;
  advance();
  auto skip_noise = [&] {
    if (!accept(Keyword::kWork)) accept(Keyword::kTransaction);
  };
  switch (verb) {
    case Keyword::kStart:
      expect(Keyword::kTransaction);
      node->transaction = TransactionKind::kStart;
      node->modes = parse_transaction_modes(false);
      return node;
    case Keyword::kBegin:
      skip_noise();
      node->modes = parse_transaction_modes(false);
      return node;
    case Keyword::kSavepoint:
      node->transaction = TransactionKind::kSavepoint;
      node->name = parse_column_name();
      return node;
    case Keyword::kRelease:
      node->transaction = TransactionKind::kRelease;
      if (at(Keyword::kSavepoint) && is_column_name(peek())) advance();  // SAVEPOINT alone is a name
      node->name = parse_column_name();
      return node;
    case Keyword::kCommit:
    case Keyword::kEnd:
      node->transaction = TransactionKind::kCommit;
      if (verb == Keyword::kCommit && accept(Keyword::kPrepared)) {
        node->transaction = TransactionKind::kCommitPrepared;
        node->name = parse_string();
        return node;
      }
      break;
    default:
      node->transaction = TransactionKind::kRollback;
      if (verb == Keyword::kRollback && accept(Keyword::kPrepared)) {
        node->transaction = TransactionKind::kRollbackPrepared;
        node->name = parse_string();
        return node;
      }
  }
  skip_noise();
  if (verb == Keyword::kRollback && accept(Keyword::kTo)) {
    node->transaction = TransactionKind::kRollbackTo;
    if (at(Keyword::kSavepoint) && is_column_name(peek())) advance();
    node->name = parse_column_name();
    return node;
  }
  node->chain = parse_chain();
  return node;
}

Tristate Grammar::parse_chain() {
  if (!accept(Keyword::kAnd)) return Tristate::kUnspecified;
  bool no = accept(Keyword::kNo);
  expect(Keyword::kChain);
  return no ? Tristate::kNo : Tristate::kYes;
}

TransactionModes Grammar::parse_transaction_modes(bool required) {
  TransactionModes modes;
  if (!parse_transaction_mode(modes)) {
    if (required) fail_syntax();
    return modes;
  }
  for (;;) {
    bool comma = accept(TokenKind::kComma);
    if (parse_transaction_mode(modes)) continue;
    if (comma) fail_syntax();
    return modes;
  }
}

bool Grammar::parse_transaction_mode(TransactionModes& modes) {
  if (accept(Keyword::kIsolation)) {
    expect(Keyword::kLevel);
    modes.isolation = parse_isolation();
  } else if (accept(Keyword::kRead)) {
    modes.read_only = at(Keyword::kOnly) ? Tristate::kYes : Tristate::kNo;
    if (!accept(Keyword::kOnly)) expect(Keyword::kWrite);
  } else if (accept(Keyword::kDeferrable)) {
    modes.deferrable = Tristate::kYes;
  } else if (accept(Keyword::kNot)) {
    expect(Keyword::kDeferrable);
    modes.deferrable = Tristate::kNo;
  } else {
    return false;
  }
  return true;
}

IsolationLevel Grammar::parse_isolation() {
  if (accept(Keyword::kSerializable)) return IsolationLevel::kSerializable;
  if (accept(Keyword::kRepeatable)) {
    expect(Keyword::kRead);
    return IsolationLevel::kRepeatableRead;
  }
  expect(Keyword::kRead);
  if (accept(Keyword::kCommitted)) return IsolationLevel::kReadCommitted;
  expect(Keyword::kUncommitted);
  return IsolationLevel::kReadUncommitted;
}

// ---------------------------------------------------------------- EXPLAIN, ANALYZE, VACUUM

Option Grammar::word_option(std::string_view name, Position position) {
  Option option;
  option.name = name;
  option.position = position;
  return option;
}

const Statement* Grammar::parse_explain() {
  auto* explain = statement<Explain>();
  advance();
  // EXPLAIN (SELECT ...) explains a query; EXPLAIN (ANALYZE) has options.
  if (at(TokenKind::kLeftParen) && !at_nested_query()) {
    explain->options = parse_utility_options();
  } else {
    ListBuilder<Option, 2> options(arena_);
    Position position = token_.position;
    if (accept(Keyword::kAnalyze) || accept(Keyword::kAnalyse)) options.push(word_option("analyze", position));
    position = token_.position;
    if (accept(Keyword::kVerbose)) options.push(word_option("verbose", position));
    explain->options = options.finish();
  }
  if (at(Keyword::kRefresh)) refuse_statement();
  if (at(Keyword::kDeclare))
    explain->statement = parse_declare();
  else if (at(Keyword::kExecute))
    explain->statement = parse_execute();
  else if (at(Keyword::kCreate))
    explain->statement = parse_explained_create();
  else
    explain->statement = parse_preparable();
  return explain;
}

const Statement* Grammar::parse_explained_create() {
  Token first = token_;
  const Statement* created = parse_create();
  bool as = created->kind == StatementKind::kCreateTableAs;
  const auto* view = created->as<CreateView>();
  if (!as && (view == nullptr || !view->materialized)) fail_syntax(first);
  return created;
}

// (name [value], ...)
List<Option> Grammar::parse_utility_options() {
  expect(TokenKind::kLeftParen);
  ListBuilder<Option, 4> options(arena_);
  do {
    Option option;
    option.position = token_.position;
    if (at(Keyword::kAnalyse))
      option.name = "analyze", advance();
    else if (at(Keyword::kAnalyze))
      option.name = parse_any_word();
    else
      option.name = parse_non_reserved();
    if (!at(TokenKind::kComma) && !at(TokenKind::kRightParen)) option.value = parse_setting_value(false);
    options.push(option);
  } while (accept(TokenKind::kComma));
  expect(TokenKind::kRightParen);
  return options.finish();
}

List<MaintainedTable> Grammar::parse_maintained_tables() {
  ListBuilder<MaintainedTable, 4> tables(arena_);
  do {
    MaintainedTable table;
    table.name = parse_qualified_name();
    accept(TokenKind::kStar);
    table.columns = accept_name_list();
    tables.push(table);
  } while (accept(TokenKind::kComma));
  return tables.finish();
}

const Statement* Grammar::parse_analyze() {
  auto* analyze = statement<Analyze>();
  advance();
  ListBuilder<Option, 2> options(arena_);
  if (at(TokenKind::kLeftParen)) {
    analyze->options = parse_utility_options();
  } else if (at(Keyword::kVerbose)) {
    options.push(word_option("verbose", token_.position));
    advance();
    analyze->options = options.finish();
  }
  bool table_word = accept(Keyword::kTable);
  if (table_word || (!at(TokenKind::kSemicolon) && !at(TokenKind::kEnd))) analyze->tables = parse_maintained_tables();
  return analyze;
}

// VACUUM [FULL] [FREEZE] [VERBOSE] [ANALYZE] [tables], VACUUM (options) [tables]
const Statement* Grammar::parse_vacuum() {
  auto* vacuum = statement<Vacuum>();
  advance();
  if (at(TokenKind::kLeftParen)) {
    vacuum->options = parse_utility_options();
  } else {
    ListBuilder<Option, 4> options(arena_);
    for (Keyword word : {Keyword::kFull, Keyword::kFreeze, Keyword::kVerbose}) {
      Position position = token_.position;
      if (accept(word)) options.push(word_option(keyword_info(word).spelling, position));
    }
    Position position = token_.position;
    if (accept(Keyword::kAnalyze) || accept(Keyword::kAnalyse)) options.push(word_option("analyze", position));
    vacuum->options = options.finish();
  }
  if (!at(TokenKind::kSemicolon) && !at(TokenKind::kEnd)) vacuum->tables = parse_maintained_tables();
  return vacuum;
}

// ---------------------------------------------------------------- prepared statements

const Statement* Grammar::parse_prepare() {
  Position position = token_.position;
  advance();
  if (at(Keyword::kTransaction) && peek().kind == TokenKind::kString) {
    advance();
    auto* transaction = make<Transaction>(position);
    transaction->transaction = TransactionKind::kPrepare;
    transaction->name = parse_string();
    return transaction;
  }
  auto* prepare = make<Prepare>(position);
  prepare->name = parse_column_name();
  if (accept(TokenKind::kLeftParen)) {
    ListBuilder<const TypeName*, 4> types(arena_);
    do types.push(parse_type());
    while (accept(TokenKind::kComma));
    expect(TokenKind::kRightParen);
    prepare->types = types.finish();
  }
  expect(Keyword::kAs);
  prepare->statement = parse_preparable();
  return prepare;
}

const Statement* Grammar::parse_execute() {
  auto* execute = statement<Execute>();
  advance();
  execute->name = parse_column_name();
  if (accept(TokenKind::kLeftParen)) {
    execute->arguments = parse_expression_list();
    expect(TokenKind::kRightParen);
  }
  return execute;
}

const Statement* Grammar::parse_deallocate() {
  auto* deallocate = statement<Deallocate>();
  advance();
  if (at(Keyword::kPrepare)) {
    TokenKind next = peek().kind;
    bool is_name = next == TokenKind::kEnd || next == TokenKind::kSemicolon;
    if (!is_name) advance();
  }
  deallocate->all = accept(Keyword::kAll);
  if (!deallocate->all) deallocate->name = parse_column_name();
  return deallocate;
}

// ---------------------------------------------------------------- cursors

const Statement* Grammar::parse_declare() {
  auto* declare = statement<DeclareCursor>();
  advance();
  declare->name = parse_column_name();
  for (;; advance()) {
    if (at(Keyword::kBinary)) {
      declare->binary = true;
    } else if (at(Keyword::kInsensitive)) {
      declare->insensitive = Tristate::kYes;
    } else if (at(Keyword::kAsensitive)) {
      declare->insensitive = Tristate::kNo;
    } else if (at(Keyword::kScroll)) {
      declare->scroll = Tristate::kYes;
    } else if (at(Keyword::kNo)) {
      advance();
      if (!at(Keyword::kScroll)) fail_syntax();
      declare->scroll = Tristate::kNo;
    } else {
      break;
    }
  }
  expect(Keyword::kCursor);
  if (at(Keyword::kWith) || at(Keyword::kWithout)) {
    declare->hold = at(Keyword::kWith) ? Tristate::kYes : Tristate::kNo;
    advance();
    expect(Keyword::kHold);
  }
  expect(Keyword::kFor);
  if (!at(TokenKind::kLeftParen) && !at_query_word()) fail_syntax();
  declare->query = parse_query();
  return declare;
}

// FETCH | MOVE [direction [FROM | IN]] cursor
const Statement* Grammar::parse_fetch_cursor() {
  auto* fetch = statement<Fetch>();
  fetch->is_move = at(Keyword::kMove);
  advance();
  bool number = at(TokenKind::kInteger) || at(TokenKind::kMinus) || at(TokenKind::kPlus);
  // Direction words are names too: FETCH next, FETCH next FROM c.
  TokenKind next_kind = number ? TokenKind::kComma : peek().kind;
  bool is_name = next_kind == TokenKind::kEnd || next_kind == TokenKind::kSemicolon;
  auto signed_count = [&](FetchDirection direction) {
    fetch->direction = direction;
    fetch->count = parse_signed_integer();
  };
  if (number) {
    signed_count(FetchDirection::kForward);
  } else if (!is_name) {
    auto step = [&](FetchDirection direction, std::int64_t count) {
      fetch->direction = direction;
      fetch->count = count;
      advance();
    };
    switch (token_.keyword) {
      case Keyword::kNext:
        step(FetchDirection::kForward, 1);
        break;
      case Keyword::kPrior:
        step(FetchDirection::kBackward, 1);
        break;
      case Keyword::kFirst:
        step(FetchDirection::kAbsolute, 1);
        break;
      case Keyword::kLast:
        step(FetchDirection::kAbsolute, -1);
        break;
      case Keyword::kAbsolute:
        advance();
        signed_count(FetchDirection::kAbsolute);
        break;
      case Keyword::kRelative:
        advance();
        signed_count(FetchDirection::kRelative);
        break;
      case Keyword::kAll:
        advance();
        fetch->all = true;
        break;
      case Keyword::kForward:
      case Keyword::kBackward:
        step(at(Keyword::kForward) ? FetchDirection::kForward : FetchDirection::kBackward, 1);
        if (accept(Keyword::kAll))
          fetch->all = true;
        else if (at(TokenKind::kInteger) || at(TokenKind::kMinus) || at(TokenKind::kPlus))
          fetch->count = parse_signed_integer();
        break;
      default:
        break;
    }
  }
  if (!accept(Keyword::kFrom)) accept(Keyword::kIn);
  fetch->cursor = parse_column_name();
  return fetch;
}

// ---------------------------------------------------------------- locks and the rest

const Statement* Grammar::parse_lock() {
  auto* lock = statement<LockTable>();
  advance();
  accept(Keyword::kTable);
  lock->tables = parse_relation_refs();
  if (accept(Keyword::kIn)) {
    if (accept(Keyword::kAccess)) {
      lock->mode = at(Keyword::kShare) ? TableLockMode::kAccessShare : TableLockMode::kAccessExclusive;
      if (!accept(Keyword::kShare)) expect(Keyword::kExclusive);
    } else if (accept(Keyword::kRow)) {
      lock->mode = at(Keyword::kShare) ? TableLockMode::kRowShare : TableLockMode::kRowExclusive;
      if (!accept(Keyword::kShare)) expect(Keyword::kExclusive);
    } else if (accept(Keyword::kShare)) {
      lock->mode = TableLockMode::kShare;
      if (accept(Keyword::kUpdate)) {
        expect(Keyword::kExclusive);
        lock->mode = TableLockMode::kShareUpdateExclusive;
      } else if (accept(Keyword::kRow)) {
        expect(Keyword::kExclusive);
        lock->mode = TableLockMode::kShareRowExclusive;
      }
    } else {
      expect(Keyword::kExclusive);
      lock->mode = TableLockMode::kExclusive;
    }
    expect(Keyword::kMode);
  }
  lock->no_wait = accept(Keyword::kNowait);
  return lock;
}

const Statement* Grammar::parse_small_statement() {
  Position position = token_.position;
  Keyword verb = token_.keyword;
  advance();
  switch (verb) {
    case Keyword::kClose: {
      auto* close = make<CloseCursor>(position);
      close->all = accept(Keyword::kAll);
      if (!close->all) close->name = parse_column_name();
      return close;
    }
    case Keyword::kDiscard: {
      auto* discard = make<Discard>(position);
      if (at(Keyword::kPlans))
        discard->discard = DiscardKind::kPlans;
      else if (at(Keyword::kSequences))
        discard->discard = DiscardKind::kSequences;
      else if (at(Keyword::kTemp) || at(Keyword::kTemporary))
        discard->discard = DiscardKind::kTemporary;
      else if (!at(Keyword::kAll))
        fail_syntax();
      advance();
      return discard;
    }
    case Keyword::kListen: {
      auto* listen = make<Listen>(position);
      listen->channel = parse_column_name();
      return listen;
    }
    case Keyword::kUnlisten: {
      auto* unlisten = make<Unlisten>(position);
      unlisten->all = accept(TokenKind::kStar);
      if (!unlisten->all) unlisten->channel = parse_column_name();
      return unlisten;
    }
    case Keyword::kNotify: {
      auto* notify = make<Notify>(position);
      notify->channel = parse_column_name();
      if (accept(TokenKind::kComma)) notify->payload = parse_string();
      return notify;
    }
    default:
      return make<Checkpoint>(position);
  }
}

}  // namespace ldb::sql
