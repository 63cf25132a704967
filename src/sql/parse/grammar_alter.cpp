// ALTER TABLE and its relatives.
#include "sql/parse/grammar.hpp"

namespace ldb::sql {

using namespace ast;

// ALTER kind [IF EXISTS] [ONLY] name commands | RENAME ... | SET SCHEMA ...
const Statement* Grammar::parse_alter() {
  advance();
  auto* alter = statement<AlterTable>();
  if (at(Keyword::kDefault) || at(Keyword::kSystem)) {
    unsupported(at(Keyword::kDefault) ? "ALTER DEFAULT PRIVILEGES" : "ALTER SYSTEM");
  }
  alter->object = parse_object_kind("ALTER");
  if (alter->object == ObjectKind::kSchema || alter->object == ObjectKind::kDatabase) return parse_alter_container(alter);
  if (at(Keyword::kAll) && peek().keyword == Keyword::kIn) unsupported("ALTER ... ALL IN TABLESPACE");
  alter->if_exists = accept_if_exists();
  if (alter->object == ObjectKind::kTable)
    parse_relation(alter->name, alter->only);
  else
    alter->name = parse_qualified_name();
  if (at(Keyword::kRename)) return parse_rename(alter->object, alter);
  if (at(Keyword::kSet) && peek().keyword == Keyword::kSchema) {
    advance();
    advance();
    auto* set = make<SetSchema>(alter->position);
    set->object = alter->object;
    set->only = alter->only;
    set->if_exists = alter->if_exists;
    set->name = alter->name;
    set->new_schema = parse_column_name();
    return set;
  }
  if (at(Keyword::kNo) || at(Keyword::kDepends)) unsupported("DEPENDS ON EXTENSION");
  if (at(Keyword::kAttach)) unsupported("ATTACH PARTITION");
  if (at(Keyword::kDetach)) unsupported("DETACH PARTITION");
  if (alter->object == ObjectKind::kSequence) {
    const Statement* sequence = parse_alter_sequence(alter);
    if (sequence != nullptr) return sequence;
  }
  ListBuilder<AlterCommand, 2> commands(arena_);
  do commands.push(parse_alter_command());
  while (accept(TokenKind::kComma));
  alter->commands = commands.finish();
  return alter;
}

// Options of a sequence; null when another command follows.
const Statement* Grammar::parse_alter_sequence(const AlterTable* target) {
  if (at(Keyword::kOwner) || at(Keyword::kSet)) return nullptr;
  auto* sequence = make<AlterSequence>(target->position);
  sequence->if_exists = target->if_exists;
  sequence->name = target->name;
  if (!parse_sequence_option(sequence->options)) fail_syntax();
  while (parse_sequence_option(sequence->options)) {
  }
  return sequence;
}

// ALTER SCHEMA and ALTER DATABASE
const Statement* Grammar::parse_alter_container(AlterTable* alter) {
  alter->name.position = token_.position;
  alter->name.name = parse_column_name();
  if (at(Keyword::kRename)) return parse_rename(alter->object, alter);
  std::string what = alter->object == ObjectKind::kSchema ? "ALTER SCHEMA" : "ALTER DATABASE";
  if (at(Keyword::kOwner)) {
    AlterCommand command = parse_alter_command();
    alter->commands = arena_.copy(std::span<const AlterCommand>(&command, 1));
    return alter;
  }
  bool known = at(Keyword::kSet) || at(Keyword::kReset) || at(Keyword::kWith) || at(Keyword::kRefresh) ||
               at(TokenKind::kIdentifier) || at(Keyword::kConnection) || at(Keyword::kTablespace);
  if (alter->object == ObjectKind::kDatabase && known) unsupported(what + " with options");
  fail_syntax();
}

const Statement* Grammar::parse_rename(ObjectKind object, const AlterTable* target) {
  auto* rename = make<Rename>(target->position);
  rename->object = rename->part = object;
  rename->only = target->only;
  rename->if_exists = target->if_exists;
  rename->name = target->name;
  advance();
  bool has_columns = object == ObjectKind::kTable || object == ObjectKind::kView || object == ObjectKind::kMaterializedView;
  if (object == ObjectKind::kTable && accept(Keyword::kConstraint)) {
    rename->part = ObjectKind::kConstraint;
    rename->old_name = parse_column_name();
  } else if (has_columns && !at(Keyword::kTo)) {
    accept(Keyword::kColumn);
    rename->part = ObjectKind::kColumn;
    rename->old_name = parse_column_name();
  }
  expect(Keyword::kTo);
  rename->new_name = parse_column_name();
  return rename;
}

AlterCommand Grammar::parse_alter_command() {
  AlterCommand c;
  c.position = token_.position;
  switch (token_.keyword) {
    case Keyword::kAdd:
      parse_alter_add(c);
      break;
    case Keyword::kDrop:
      parse_alter_drop(c);
      break;
    case Keyword::kAlter:
      parse_alter_column(c);
      break;
    case Keyword::kSet:
      parse_alter_set(c);
      break;
    case Keyword::kReset:
      advance();
      c.kind = AlterKind::kResetOptions;
      c.options = parse_definition_list();
      break;
    case Keyword::kValidate:
      advance();
      expect(Keyword::kConstraint);
      c.kind = AlterKind::kValidateConstraint;
      c.name = parse_column_name();
      break;
    case Keyword::kOwner:
      advance();
      expect(Keyword::kTo);
      c.kind = AlterKind::kOwnerTo;
      c.name = parse_role();
      break;
    case Keyword::kInherit:
      advance();
      c.kind = AlterKind::kInherit;
      c.table = parse_qualified_name();
      break;
    case Keyword::kNo:
      advance();
      if (at(Keyword::kForce)) unsupported("ROW LEVEL SECURITY");
      expect(Keyword::kInherit);
      c.kind = AlterKind::kNoInherit;
      c.table = parse_qualified_name();
      break;
    case Keyword::kCluster:
      advance();
      expect(Keyword::kOn);
      c.kind = AlterKind::kClusterOn;
      c.name = parse_column_name();
      break;
    case Keyword::kEnable:
    case Keyword::kDisable: {
      std::string verb = at(Keyword::kEnable) ? "ENABLE" : "DISABLE";
      advance();
      if (at(Keyword::kRow)) unsupported("ROW LEVEL SECURITY", c.position);
      if (at(Keyword::kRule)) unsupported(verb + " RULE", c.position);
      if (!at(Keyword::kTrigger) && !at(Keyword::kAlways) && !at(Keyword::kReplica)) fail_syntax();
      unsupported(verb + " TRIGGER", c.position);
    }
    case Keyword::kForce:
      unsupported("ROW LEVEL SECURITY");
    case Keyword::kReplica:
      unsupported("REPLICA IDENTITY");
    case Keyword::kNot:
      if (peek().keyword != Keyword::kOf) fail_syntax();
      [[fallthrough]];
    case Keyword::kOf:
      unsupported("ALTER TABLE ... OF type");
    case Keyword::kOptions:
      unsupported("OPTIONS of a foreign table");
    default:
      fail_syntax();
  }
  return c;
}

// ADD [COLUMN] [IF NOT EXISTS] column, ADD constraint
void Grammar::parse_alter_add(AlterCommand& c) {
  advance();
  bool exclude = at(Keyword::kExclude) && (peek().kind == TokenKind::kLeftParen || peek().keyword == Keyword::kUsing);
  if (at_table_constraint() || exclude) {
    c.kind = AlterKind::kAddConstraint;
    auto* constraint = arena_.make<Constraint>();
    *constraint = parse_table_constraint();
    c.constraint = constraint;
    return;
  }
  c.kind = AlterKind::kAddColumn;
  accept(Keyword::kColumn);
  c.if_not_exists = accept_if_not_exists();
  auto* column = arena_.make<ColumnDefinition>();
  *column = parse_column_definition();
  c.column = column;
  c.name = column->name;
}

void Grammar::parse_alter_drop(AlterCommand& c) {
  advance();
  if (accept(Keyword::kConstraint)) {
    c.kind = AlterKind::kDropConstraint;
  } else {
    c.kind = AlterKind::kDropColumn;
    accept(Keyword::kColumn);
  }
  c.if_exists = accept_if_exists();
  c.name = parse_column_name();
  c.cascade = accept_cascade();
}

// ALTER [COLUMN] c ..., ALTER CONSTRAINT c ...
void Grammar::parse_alter_column(AlterCommand& c) {
  advance();
  if (at(Keyword::kConstraint)) {
    advance();
    c.kind = AlterKind::kAlterConstraint;
    auto* constraint = arena_.make<Constraint>();
    constraint->position = token_.position;
    constraint->kind = ConstraintKind::kForeignKey;
    constraint->name = c.name = parse_column_name();
    while (parse_constraint_attribute(*constraint)) {
    }
    if (constraint->not_valid) fail("0A000", "this kind of constraint cannot be marked NOT VALID", c.position);
    c.constraint = constraint;
    return;
  }
  accept(Keyword::kColumn);
  if (at(TokenKind::kInteger)) unsupported("ALTER COLUMN by number");
  c.name = parse_column_name();
  switch (token_.keyword) {
    case Keyword::kType:
    case Keyword::kSet:
      parse_alter_column_set(c);
      return;
    case Keyword::kDrop:
      advance();
      if (accept(Keyword::kDefault)) {
        c.kind = AlterKind::kDropDefault;
      } else if (accept(Keyword::kNot)) {
        expect(Keyword::kNull);
        c.kind = AlterKind::kDropNotNull;
      } else {
        c.kind = at(Keyword::kIdentity) ? AlterKind::kDropIdentity : AlterKind::kDropExpression;
        if (!accept(Keyword::kIdentity)) expect(Keyword::kExpression);
        c.if_exists = accept_if_exists();
      }
      return;
    case Keyword::kAdd: {
      advance();
      c.kind = AlterKind::kAddIdentity;
      auto* constraint = arena_.make<Constraint>();
      constraint->position = token_.position;
      if (!at(Keyword::kGenerated)) fail_syntax();
      parse_generated(*constraint);
      if (constraint->kind != ConstraintKind::kIdentity)
        fail("42601", "only GENERATED ... AS IDENTITY can be added to a column", c.position);
      c.constraint = constraint;
      return;
    }
    case Keyword::kReset:
      advance();
      c.kind = AlterKind::kResetColumnOptions;
      c.options = parse_definition_list();
      return;
    case Keyword::kRestart:
      parse_alter_identity(c);
      return;
    case Keyword::kOptions:
      unsupported("OPTIONS of a foreign table's column");
    default:
      fail_syntax();
  }
}

void Grammar::parse_alter_column_set(AlterCommand& c) {
  bool set = at(Keyword::kSet);
  if (set) {
    Token next = peek();
    bool identity = next.keyword == Keyword::kGenerated || next.keyword == Keyword::kIncrement ||
                    next.keyword == Keyword::kMinvalue || next.keyword == Keyword::kMaxvalue || next.keyword == Keyword::kStart ||
                    next.keyword == Keyword::kCache || next.keyword == Keyword::kCycle || next.keyword == Keyword::kNo ||
                    next.keyword == Keyword::kRestart || next.keyword == Keyword::kOwned || next.keyword == Keyword::kAs ||
                    next.keyword == Keyword::kSequence;
    if (identity) return parse_alter_identity(c);
    advance();
  }
  std::uint32_t begin = 0;
  switch (token_.keyword) {
    case Keyword::kDefault:
      advance();
      c.kind = AlterKind::kSetDefault;
      begin = token_.begin;
      c.expression = parse_expression();
      c.expression_text = slice(begin);
      return;
    case Keyword::kNot:
      advance();
      expect(Keyword::kNull);
      c.kind = AlterKind::kSetNotNull;
      return;
    case Keyword::kStatistics:
      advance();
      c.kind = AlterKind::kSetStatistics;
      c.integer = parse_signed_integer();
      return;
    case Keyword::kStorage:
      advance();
      c.kind = AlterKind::kSetStorage;
      c.word = parse_column_name();
      return;
    case Keyword::kCompression:
      advance();
      c.kind = AlterKind::kSetCompression;
      if (at(Keyword::kDefault))
        c.word = parse_any_word();
      else
        c.word = parse_column_name();
      return;
    case Keyword::kData:
    case Keyword::kType:
      if (set) expect(Keyword::kData);  // SET DATA TYPE or TYPE, not SET TYPE
      expect(Keyword::kType);
      c.kind = AlterKind::kSetType;
      c.type = parse_type();
      if (accept(Keyword::kCollate)) c.collation = parse_qualified_name();
      if (accept(Keyword::kUsing)) {
        begin = token_.begin;
        c.expression = parse_expression();
        c.expression_text = slice(begin);
      }
      return;
    default:
      if (!at(TokenKind::kLeftParen)) fail_syntax();
      c.kind = AlterKind::kSetColumnOptions;
      c.options = parse_definition_list();
  }
}

// SET GENERATED ALWAYS | BY DEFAULT, SET sequence option, RESTART [WITH n]: any number of them.
void Grammar::parse_alter_identity(AlterCommand& c) {
  c.kind = AlterKind::kSetIdentity;
  auto* options = arena_.make<SequenceOptions>();
  c.sequence = options;
  for (;;) {
    if (at(Keyword::kRestart)) {
      parse_sequence_option(*options);
    } else if (accept(Keyword::kSet)) {
      if (accept(Keyword::kGenerated)) {
        if (c.set_identity_kind) fail("42601", "conflicting or redundant options", c.position);
        c.set_identity_kind = true;
        c.identity_always = accept(Keyword::kAlways);
        if (!c.identity_always) {
          expect(Keyword::kBy);
          expect(Keyword::kDefault);
        }
      } else if (!parse_sequence_option(*options)) {
        fail_syntax();
      }
    } else {
      return;
    }
  }
}

// SET (options) | TABLESPACE t | LOGGED | UNLOGGED | WITHOUT CLUSTER | WITHOUT OIDS | ACCESS METHOD m
void Grammar::parse_alter_set(AlterCommand& c) {
  advance();
  if (at(TokenKind::kLeftParen)) {
    c.kind = AlterKind::kSetOptions;
    c.options = parse_definition_list();
  } else if (accept(Keyword::kTablespace)) {
    c.kind = AlterKind::kSetTablespace;
    c.name = parse_column_name();
    if (at(Keyword::kNowait)) unsupported("NOWAIT of SET TABLESPACE");
  } else if (accept(Keyword::kLogged)) {
    c.kind = AlterKind::kSetLogged;
  } else if (accept(Keyword::kUnlogged)) {
    c.kind = AlterKind::kSetUnlogged;
  } else if (at(Keyword::kAccess)) {
    unsupported("SET ACCESS METHOD");
  } else {
    expect(Keyword::kWithout);
    if (at(Keyword::kOids)) unsupported("SET WITHOUT OIDS");
    expect(Keyword::kCluster);
    c.kind = AlterKind::kSetWithoutCluster;
  }
}

}  // namespace ldb::sql
