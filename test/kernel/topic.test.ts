import test from 'ava';
import fc from 'fast-check';
import { isTopicFilter, TopicIndex, topicMatches } from '#kernel';

test('a filter matches as MQTT 5 §4.7 shows by example', (t) => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['#', 'a/b', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/x', false],
    ['+/monitor', '$SYS/monitor', false],
    ['$SYS/#', '$SYS/', true],
  ];
  for (const [filter, topic, expected] of table) t.is(topicMatches(filter, topic), expected, `${filter} ${topic}`);
});

const level = fc.constantFrom('a', 'b', '$s', '');
const name = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, rest]) => [...levels, ...(rest ? ['#'] : [])].join('/'))
  .filter(isTopicFilter);

test('the index finds exactly the filters that match one by one, also after removals', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(filter, { maxLength: 12 }), fc.nat(11), name, (filters, drop, topic) => {
      const index = new TopicIndex<string>();
      for (const each of filters) index.add(each, each);
      const removed = filters[drop];
      if (removed !== undefined) index.remove(removed, removed);
      const expected = filters.filter((each) => each !== removed && topicMatches(each, topic));
      t.deepEqual([...index.match(topic)].sort(), expected.sort());
    }),
  );
});
