import { readFileSync } from 'node:fs';
import { type LoadFnOutput, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { placeCount } from './coverage.ts';

/**
 * From here on, modules whose path matches are loaded with a counter at every place where control can go one way or the
 * other, and with a note of the numbers they compare. Imports must come after this call, so: dynamically.
 */
export function instrumentModules(matching: RegExp): { places(): number } {
  let places = 0;
  const nextPlace = (): number => places++ % placeCount;
  registerHooks({
    load(url, context, nextLoad): LoadFnOutput {
      if (!url.startsWith('file:') || !matching.test(url)) return nextLoad(url, context);
      const path = fileURLToPath(url);
      const format = path.endsWith('.ts') ? 'module' : context.format;
      if (format !== 'module' && format !== 'commonjs') return nextLoad(url, context);
      return { format, shortCircuit: true, source: instrument(readFileSync(path, 'utf8'), path, nextPlace) };
    },
  });
  return { places: () => places };
}

function instrument(source: string, path: string, nextPlace: () => number): string {
  const compilerOptions: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.Preserve,
    verbatimModuleSyntax: path.endsWith('.ts'),
    allowJs: true,
    inlineSourceMap: true,
  };
  const before = [(context: ts.TransformationContext) => counting(context, nextPlace)];
  return ts.transpileModule(source, { compilerOptions, fileName: path, transformers: { before } }).outputText;
}

const comparisons = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.LessThanEqualsToken,
  ts.SyntaxKind.GreaterThanToken,
  ts.SyntaxKind.GreaterThanEqualsToken,
]);
const choices = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

function counting(context: ts.TransformationContext, nextPlace: () => number): ts.Transformer<ts.SourceFile> {
  const counter = new Counter(context.factory, nextPlace);
  const visit = (node: ts.Node): ts.Node => counter.rebuilt(ts.visitEachChild(node, visit, context));
  return (file) => ts.visitEachChild(file, visit, context);
}

class Counter {
  readonly #make: ts.NodeFactory;
  readonly #nextPlace: () => number;

  constructor(make: ts.NodeFactory, nextPlace: () => number) {
    this.#make = make;
    this.#nextPlace = nextPlace;
  }

  rebuilt(node: ts.Node): ts.Node {
    if (ts.isIfStatement(node)) return this.#if(node);
    if (ts.isIterationStatement(node, false)) return this.#loop(node);
    if (ts.isCatchClause(node)) {
      return this.#make.updateCatchClause(node, node.variableDeclaration, this.#block(node.block));
    }
    if (ts.isCaseClause(node)) {
      return this.#make.updateCaseClause(node, node.expression, [this.#step(), ...node.statements]);
    }
    if (ts.isDefaultClause(node)) return this.#make.updateDefaultClause(node, [this.#step(), ...node.statements]);
    if (ts.isConditionalExpression(node)) return this.#conditional(node);
    return ts.isBinaryExpression(node) ? this.#binary(node) : node;
  }

  #if(node: ts.IfStatement): ts.Node {
    const otherwise = this.#block(node.elseStatement ?? this.#make.createBlock([]));
    return this.#make.updateIfStatement(node, node.expression, this.#block(node.thenStatement), otherwise);
  }

  #loop(node: ts.IterationStatement): ts.Node {
    const body = this.#block(node.statement);
    if (ts.isForStatement(node)) {
      return this.#make.updateForStatement(node, node.initializer, node.condition, node.incrementor, body);
    }
    if (ts.isForOfStatement(node)) {
      return this.#make.updateForOfStatement(node, node.awaitModifier, node.initializer, node.expression, body);
    }
    return ts.isWhileStatement(node) ? this.#make.updateWhileStatement(node, node.expression, body) : node;
  }

  #conditional(node: ts.ConditionalExpression): ts.Node {
    const [yes, no] = [this.#counted(node.whenTrue), this.#counted(node.whenFalse)];
    return this.#make.updateConditionalExpression(node, node.condition, node.questionToken, yes, node.colonToken, no);
  }

  #binary(node: ts.BinaryExpression): ts.Node {
    if (choices.has(node.operatorToken.kind)) {
      return this.#make.updateBinaryExpression(node, node.left, node.operatorToken, this.#counted(node.right));
    }
    if (!comparisons.has(node.operatorToken.kind) || !repeatable(node.left) || !repeatable(node.right)) return node;
    const compare = this.#make.createIdentifier('fuzzCompare');
    const note = this.#make.createCallExpression(compare, undefined, [node.left, node.right]);
    return this.#make.createParenthesizedExpression(this.#make.createComma(note, node));
  }

  #count(): ts.Expression {
    const hits = this.#make.createIdentifier('fuzzHits');
    return this.#make.createPostfixIncrement(this.#make.createElementAccessExpression(hits, this.#nextPlace()));
  }

  #counted(expression: ts.Expression): ts.Expression {
    return this.#make.createParenthesizedExpression(this.#make.createComma(this.#count(), expression));
  }

  #step(): ts.Statement {
    return this.#make.createExpressionStatement(this.#count());
  }

  #block(statement: ts.Statement): ts.Block {
    return this.#make.createBlock([this.#step(), ...(ts.isBlock(statement) ? statement.statements : [statement])]);
  }
}

/** Whether evaluating it twice changes nothing. */
function repeatable(node: ts.Expression): boolean {
  if (ts.isIdentifier(node)) return node.text !== 'undefined';
  if (ts.isNumericLiteral(node) || node.kind === ts.SyntaxKind.ThisKeyword) return true;
  if (ts.isPropertyAccessExpression(node) || ts.isParenthesizedExpression(node)) return repeatable(node.expression);
  if (ts.isElementAccessExpression(node)) return repeatable(node.expression) && repeatable(node.argumentExpression);
  return ts.isBinaryExpression(node) && plain(node) && repeatable(node.left) && repeatable(node.right);
}

/** Arithmetic, shifts and bitwise operators: nothing that assigns. */
function plain(node: ts.BinaryExpression): boolean {
  const kind = node.operatorToken.kind;
  return kind >= ts.SyntaxKind.PlusToken && kind <= ts.SyntaxKind.CaretToken;
}
