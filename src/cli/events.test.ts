/** `skep events`: what it lists and prints, and what it says of wrong arguments. Scripts: test/events/run.test.ts. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { testIo } from '../../test/support/io.ts';
import { matcher } from './events-report.ts';
import { command } from './events.ts';

async function events(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = testIo();
  const code = await command.run(args, io);
  return { code, out: io.stdout, err: io.stderr };
}

describe('skep events list', () => {
  it('prints events by pattern', async () => {
    const { out } = await events('list', 'http:server_*');
    expect(out).toBe('http:server_request_start\nhttp:server_response_created\nhttp:server_response_finish\n');
    expect((await events('list')).out.split('\n').length).toBeGreaterThan(80);
    expect(await events('list', 'no:such')).toEqual({ code: 1, out: '', err: 'skep: no event is called no:such\n' });
    expect(['a:bc', 'a:b.c', 'a:bxc'].filter(matcher('a:b.c'))).toEqual(['a:b.c']);
  });

  it('says with --json where events come from', async () => {
    const rows = JSON.parse((await events('list', 'net/server_socket', '--json')).out) as unknown;
    const fields = { remote_port: 'u16', local_port: 'u16', remote_address: 'char[48]' };
    expect(rows).toEqual([{ event: 'net:server_socket', fields, source: 'channel net.server.socket', node: 20 }]);
  });
});

describe('skep events format', () => {
  it('prints the record as tracefs does', async () => {
    const { out } = await events('format', 'http:server_response_finish');
    expect(out).toMatch(
      /^name: server_response_finish\nID: \d+\nformat:\n\tfield:unsigned short common_type;\toffset:0;/,
    );
    expect(out).toContain('\tfield:u16 status;\toffset:8;\tsize:2;\tsigned:0;\n');
    expect(out).toContain('\tfield:char url[64];\toffset:32;\tsize:64;');
    expect((await events('show', 'http/server_response_finish')).out).toBe(out);
  });

  it('says which event may be meant', async () => {
    await expect(events('format', 'server_response_finish')).rejects.toThrow('there is http:server_response_finish');
    await expect(events('format', 'a:b')).rejects.toThrow('no event is called a:b: skep events list');
  });
});

describe('skep events header', () => {
  it('prints contexts as C and as TypeScript', async () => {
    const { out } = await events('header', 'http:server_request_start', 'udp:socket');
    expect(out).toMatch(/^struct http_server_request_start \{$/m);
    expect(out).toMatch(/^\tchar url\[64\]; +\/\* offset 16, size 64 \*\/$/m);
    expect(out).toMatch(/^struct udp_socket \{$/m);
    expect((await events('header', '--ts', 'udp:socket')).out).toContain('readonly socket_type: string;');
  });

  it('is what the example includes', async () => {
    const file = new URL('../../examples/http-requests/http-server-response-finish.h', import.meta.url);
    expect((await events('header', 'http:server_response_finish')).out).toBe(readFileSync(file, 'utf8'));
  });
});

describe('skep events demo', () => {
  it('runs the bundled program on the events of a service in this process', async () => {
    const { code, out } = await events('demo', '--requests', '70', '--json');
    const { requests, programs, maps } = JSON.parse(out) as {
      requests: number;
      programs: { event: string; runs: number; misses: number; attached: boolean }[];
      maps: Record<string, { entries: { key: { url: string; status: number }; value: number }[] }>;
    };
    expect([code, requests]).toEqual([0, 70]);
    expect(programs).toMatchObject([{ event: 'http:server_response_finish', runs: 70, misses: 0, attached: true }]);
    expect(maps.requests.entries.map(({ key: { url, status }, value }) => `${status} ${url} ${value}`)).toEqual([
      ...['200 / 10', '500 /broken 10', '302 /login 10', '404 /missing 10', '200 /orders 10', '200 /orders/7 10'],
      '200 /search 10',
    ]);
  });
});

describe('skep events demo --filter', () => {
  it('lets through what the filter is true of', async () => {
    const event = 'http:server_response_finish';
    const args = ['--requests', '70', '--enable', event, '--filter', `${event}=status == 500 && url ~ "/b*"`];
    const { out, err } = await events('demo', ...args);
    expect([out.match(/server_response_finish: status=500 .* url=\/broken$/gm)?.length, err]).toEqual([10, '']);
    expect(out).toMatch(/^on_response +http:server_response_finish +10 +0$/m);
  });
});

it.each([
  [[], 'say list'],
  [['nonsense'], 'no such command: skep events nonsense'],
  [['list', '--fuel', '1'], 'skep events list has no option --fuel'],
  [['list', 'a', 'b'], 'takes one pattern'],
  [['run', 'x.o'], '-- SCRIPT is missing'],
  [['run', '--', 'x.js'], 'which object?'],
  [['run', 'x.o', '--fuel', '-1', '--', 'x.js'], '--fuel'],
  [['header'], 'which event?'],
  [['demo', '--filter', 'status > 1'], '--filter is EVENT=TEXT'],
  [['demo', '--filter', 'http:server_response_finish=status >'], 'status >'],
  [['demo', '--interval', '0'], '--interval is a number from 1 on, not 0'],
  [['demo', '--requests', 'many'], '--requests is a number, not many'],
  [['demo', '--', 'x.js'], 'takes no script'],
])('refuses %j', async (args, words) => {
  await expect(events(...args)).rejects.toThrow(words);
});
