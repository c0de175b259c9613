// Opens every page of the built book in Chromium, over file://, and holds it to what a reader would see.
//
//     node check.mjs BOOK [--shots FOLDER PAGE…] [--planted]
//
// BOOK is the folder that `cargo run -p book -- build` wrote. With --shots the pages named are photographed: light,
// navy, phone, and as they are printed. With --planted a copy of the book is spoilt in one way after another, and each
// fault has to be found: it proves the check. The last line is the summary; exit status 1 if there is a fault.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const THEMES = ['light', 'rust', 'coal', 'navy', 'ayu'];
// What a theme can change; all else is the same in each, and is tried in the first.
const OF_A_THEME = ['color-contrast', 'link-in-text-block'];
const WEIGHT = 700 * 1024;
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--allow-file-access-from-files',
];
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The pages of a book, by their names. */
function pagesOf(book) {
    const names = fs.readdirSync(book, { recursive: true }).map(String).filter(name => name.endsWith('.html'));
    // toc.html is the frame of a reader without scripts. 404.html is for servers alone: its paths begin at their root.
    return names.filter(name => !['toc.html', '404.html'].includes(name)).sort();
}

/** A page of the browser that notes what went wrong and what was loaded. */
async function open(context) {
    const page = await context.newPage();
    const seen = { faults: [], files: new Set() };
    page.on('console', message => message.type() === 'error' && seen.faults.push(`console: ${message.text()}`));
    page.on('pageerror', error => seen.faults.push(`script: ${error.message}`));
    page.on('request', request => {
        const url = request.url();
        if (url.startsWith('file:')) seen.files.add(fileURLToPath(url.split(/[?#]/)[0]));
        else if (!/^(data|blob|about):/.test(url)) seen.faults.push(`request to ${url}`);
    });
    return { page, seen };
}

/** What axe calls serious or critical. */
async function inaccessible(page, rules) {
    const found = await page.evaluate(async rules => {
        const options = rules ? { runOnly: { type: 'rule', values: rules } } : {};
        const { violations } = await axe.run(document, { ...options, resultTypes: ['violations'] });
        return violations.filter(one => ['serious', 'critical'].includes(one.impact)).map(one => ({
            id: one.id,
            where: one.nodes.slice(0, 3).map(node => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`),
            count: one.nodes.length,
        }));
    }, rules);
    return found.map(one => `${one.id} (${one.count}): ${one.where.join('; ')}`);
}

/** What sticks out sideways; the body itself hides it, so the parts are asked. */
async function sticksOut(page) {
    return page.evaluate(() => {
        const parts = [document.documentElement, document.body, document.getElementById('mdbook-content')];
        const wide = parts.filter(part => part && part.scrollWidth > part.clientWidth + 1);
        if (wide.length === 0) return [];
        const boxed = element => {
            for (let up = element.parentElement; up && up.tagName !== 'MAIN'; up = up.parentElement) {
                if (getComputedStyle(up).overflowX !== 'visible') return true;
            }
            return false;
        };
        const out = [...document.querySelectorAll('main *')]
            .filter(element => element.getBoundingClientRect().right > innerWidth + 1 && !boxed(element));
        return [`${wide[0].scrollWidth} px wide: ${out.slice(0, 3).map(one => one.outerHTML.slice(0, 90)).join(' | ')}`];
    });
}

/** Words of a figure that leave the drawing, run out of their box, or lie on others. */
async function drawnOver(page) {
    return page.evaluate(() => [...document.querySelectorAll('main figure.fig svg')].flatMap(svg => {
        const place = element => element.getBoundingClientRect();
        const whole = place(svg);
        const boxes = [...svg.querySelectorAll('rect')].map(place);
        const texts = [...svg.querySelectorAll('text')].filter(text => text.textContent.trim())
            .map(text => ({ words: text.textContent.trim().slice(0, 40), at: place(text) }));
        const faults = [];
        texts.forEach(({ words, at }, index) => {
            const middle = (at.top + at.bottom) / 2;
            if (at.left < whole.left - 1 || at.right > whole.right + 1 || at.top < whole.top - 1 || at.bottom > whole.bottom + 1) {
                faults.push(`"${words}" leaves the drawing`);
            }
            if (boxes.some(box => middle > box.top && middle < box.bottom
                && at.left > box.left && at.left < box.right && at.right > box.right + 1)) {
                faults.push(`"${words}" runs out of its box`);
            }
            for (const other of texts.slice(index + 1)) {
                const wide = Math.min(at.right, other.at.right) - Math.max(at.left, other.at.left);
                const high = Math.min(at.bottom, other.at.bottom) - Math.max(at.top, other.at.top);
                if (wide > 2 && high > 5) faults.push(`"${words}" lies on "${other.words}"`);
            }
        });
        return faults;
    }));
}

async function look(context, book, name) {
    const { page, seen } = await open(context);
    const faults = [];
    const add = (where, found) => faults.push(...found.map(what => `${name}: ${where}: ${what}`));
    await page.setViewportSize(DESK);
    await page.goto(pathToFileURL(path.join(book, name)).href);
    await page.evaluate(axe);
    const printed = name === 'print.html';
    for (const theme of printed ? ['light'] : THEMES) {
        await page.evaluate(theme => document.getElementById(`mdbook-theme-${theme}`).click(), theme);
        add(theme, await inaccessible(page, theme === 'light' ? undefined : OF_A_THEME));
    }
    add('figure', await drawnOver(page));
    if (!printed) {
        const weight = [...seen.files].reduce((sum, file) => sum + (fs.existsSync(file) ? fs.statSync(file).size : 0), 0);
        if (weight > WEIGHT) add('weight', [`${Math.ceil(weight / 1024)} KiB`]);
        seen.weight = weight;
    }
    await page.evaluate(() => document.getElementById('mdbook-theme-light').click());
    // Loaded anew: a phone begins with its sidebar closed.
    await page.setViewportSize(PHONE);
    await page.reload();
    await page.evaluate(axe);
    add('390 px', await sticksOut(page));
    if (!printed) add('390 px', await inaccessible(page));
    await page.setViewportSize(DESK);
    await page.emulateMedia({ media: 'print' });
    add('print', await page.evaluate(() => {
        const isHidden = one => one.getBoundingClientRect().height === 0
            || getComputedStyle(one.parentElement, '::details-content').contentVisibility === 'hidden';
        const hidden = [...document.querySelectorAll('main details > :not(summary)')].filter(isHidden);
        const cut = [...document.querySelectorAll('main pre, main pre > code')].filter(one => one.scrollWidth > one.clientWidth + 1);
        return [...hidden.map(one => `an answer is not printed: ${one.textContent.slice(0, 50)}`),
            ...cut.map(one => `cut off at the right: ${one.textContent.slice(0, 50)}`)];
    }));
    await page.emulateMedia({ media: null });
    add('page', seen.faults);
    await page.close();
    return { faults, weight: seen.weight ?? 0 };
}

/** The pages with scripts off: everything is there, and fits. */
async function lookWithoutScripts(browser, book, names) {
    const context = await browser.newContext({ javaScriptEnabled: false, viewport: PHONE });
    const page = await context.newPage();
    const faults = [];
    for (const name of names) {
        await page.goto(pathToFileURL(path.join(book, name)).href);
        if (await page.locator('main h1').first().isHidden()) faults.push(`${name}: without scripts: no title`);
        for (const figure of await page.locator('main figure').all()) {
            if (await figure.isHidden()) faults.push(`${name}: without scripts: a figure is hidden`);
        }
    }
    await context.close();
    return faults;
}

/** The search, by keyboard. */
async function search(context, book, name, words) {
    const { page, seen } = await open(context);
    await page.setViewportSize(DESK);
    await page.goto(pathToFileURL(path.join(book, name)).href);
    await page.keyboard.press('s');
    await page.locator('#mdbook-searchbar').waitFor({ state: 'visible' });
    await page.keyboard.type(words);
    const hit = page.locator('#mdbook-searchresults a').first();
    const found = await hit.waitFor({ timeout: 10000 }).then(() => true, () => false);
    const faults = seen.faults.map(what => `search: ${what}`);
    if (!found) faults.push(`search: nothing found for ${words}`);
    await page.close();
    return faults;
}

/** The sidebar: reached, closed, opened and used by keyboard. */
async function sidebar(context, book, name) {
    const { page } = await open(context);
    await page.setViewportSize(DESK);
    await page.goto(pathToFileURL(path.join(book, name)).href);
    const faults = [];
    const focused = () => page.evaluate(() => document.activeElement?.id ?? '');
    const expanded = () => page.getAttribute('#mdbook-sidebar-toggle', 'aria-expanded');
    const shown = () => page.evaluate(() => document.getElementById('mdbook-sidebar').getBoundingClientRect().right > 0
        && getComputedStyle(document.getElementById('mdbook-sidebar')).display !== 'none');
    let steps = 0;
    while (await focused() !== 'mdbook-sidebar-toggle' && steps++ < 80) await page.keyboard.press('Tab');
    if (await focused() !== 'mdbook-sidebar-toggle') return [`sidebar: its button is not reached by Tab`];
    const before = [await expanded(), await shown()];
    for (const key of ['Enter', 'Space']) {
        const was = await expanded();
        await page.keyboard.press(key);
        await page.waitForTimeout(500);
        if (await expanded() === was) faults.push(`sidebar: ${key} does not change aria-expanded`);
        if (String(await shown()) !== await expanded()) faults.push(`sidebar: aria-expanded is not what is seen after ${key}`);
    }
    if (String(before[1]) !== before[0]) faults.push('sidebar: aria-expanded is wrong from the start');
    const link = page.locator('#mdbook-sidebar a').last();
    await link.focus();
    const href = await link.getAttribute('href');
    await page.keyboard.press('Enter');
    await page.waitForURL(url => url.href.endsWith(path.basename(href ?? '?')), { timeout: 5000 })
        .catch(() => faults.push(`sidebar: Enter on ${href} leads nowhere`));
    await page.close();
    return faults;
}

async function photograph(context, book, folder, names) {
    fs.mkdirSync(folder, { recursive: true });
    const { page } = await open(context);
    for (const name of names) {
        const file = kind => path.join(folder, `${name.replaceAll('/', '-').replace('.html', '')}-${kind}.png`);
        await page.setViewportSize(DESK);
        await page.goto(pathToFileURL(path.join(book, name)).href);
        // The page scrolls within the window; as tall as its content it is photographed whole.
        const whole = async width => {
            await page.setViewportSize({ width, height: 900 });
            const height = await page.evaluate(() => document.documentElement.scrollHeight);
            await page.setViewportSize({ width, height: Math.min(height, 14000) });
        };
        for (const theme of ['light', 'navy']) {
            await page.evaluate(theme => document.getElementById(`mdbook-theme-${theme}`).click(), theme);
            await whole(DESK.width);
            await page.screenshot({ path: file(theme) });
        }
        await page.evaluate(() => document.getElementById('mdbook-theme-light').click());
        await page.setViewportSize(PHONE);
        await page.reload();
        await whole(PHONE.width);
        await page.screenshot({ path: file('phone') });
        await page.emulateMedia({ media: 'print' });
        await whole(780);
        await page.screenshot({ path: file('print') });
        await page.emulateMedia({ media: null });
    }
    await page.close();
}

/** Spoils a copy of the book, and tells what was not noticed. */
async function planted(context, book) {
    const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'planted-book-'));
    fs.cpSync(book, copy, { recursive: true });
    const name = pagesOf(book).find(name => name.includes('/')) ?? 'index.html';
    const whole = fs.readFileSync(path.join(copy, name), 'utf8');
    const faults = [];
    const drawing = inside => `<figure class="fig"><svg viewBox="0 0 200 50" width="200" role="img">${inside}</svg></figure>`;
    const expect = (what, found, words) => {
        if (!found.some(fault => fault.includes(words))) faults.push(`planted: ${what} was not noticed: ${found}`);
    };
    for (const [what, spoil, words] of [
        ['grey on grey', '<p style="color:#777;background:#888">grey</p>', 'color-contrast'],
        ['grey in the dark', '<p style="color:#555;background:var(--bg)">grey</p>', 'navy: color-contrast'],
        ['an image without words', '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">', 'image-alt'],
        ['a message of the console', '<script>console.error("planted")</script>', 'console: planted'],
        ['a script that fails', '<script>planted()</script>', 'script: planted'],
        ['an image from elsewhere', '<img alt="x" src="http://planted.invalid/x.png">', 'request to http://planted'],
        ['a block too wide', '<div style="width:900px">wide</div>', '390 px: '],
        ['words that leave a drawing', drawing('<text x="150" y="20">planted planted</text>'), '" leaves the drawing'],
        ['words that are wider than their box', drawing('<rect class="box" x="5" y="5" width="40" height="30"/><text x="10" y="25">planted</text>'), '" runs out of its box'],
        ['words upon words', drawing('<text x="5" y="30">planted</text><text x="15" y="34">planted</text>'), '" lies on "'],
        ['a heavy page', `<p>${'heavy '.repeat(130000)}</p>`, 'weight: '],
        ['an answer that is not printed', '<style>details::details-content{content-visibility:hidden!important}</style><details><summary>q</summary><p>planted</p></details>', 'an answer is not printed: planted'],
        ['output that is cut off in print', `<style>main pre{white-space:pre!important}</style><pre>${'planted '.repeat(60)}</pre>`, 'cut off at the right: planted'],
    ]) {
        fs.writeFileSync(path.join(copy, name), whole.replace('</main>', `${spoil}</main>`));
        expect(what, (await look(context, copy, name)).faults, words);
    }
    fs.writeFileSync(path.join(copy, name), whole.replace(/<script src="[^"]*look\/book[^"]*"><\/script>/, ''));
    expect('a sidebar without keys', await sidebar(context, copy, name), 'sidebar: ');
    fs.writeFileSync(path.join(copy, name), whole);
    expect('a word that is nowhere', await search(context, copy, name, 'xyzzyplanted'), 'nothing found');
    fs.rmSync(copy, { recursive: true });
    return faults;
}

async function main() {
    const [book, ...rest] = process.argv.slice(2).map((word, at) => (at === 0 ? path.resolve(word) : word));
    if (!book || !fs.existsSync(path.join(book, 'index.html'))) {
        console.error('usage: node check.mjs BOOK [--shots FOLDER PAGE…] [--planted]');
        return 2;
    }
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    const context = await browser.newContext({ reducedMotion: 'reduce', viewport: DESK });
    try {
        if (rest[0] === '--shots') {
            await photograph(context, book, rest[1], rest.slice(2));
            return 0;
        }
        const begun = Date.now();
        const names = pagesOf(book);
        const faults = rest[0] === '--planted' ? await planted(context, book) : [];
        let heaviest = 0;
        if (rest[0] !== '--planted') {
            for (const name of names) {
                const seen = await look(context, book, name);
                faults.push(...seen.faults);
                heaviest = Math.max(heaviest, seen.weight);
            }
            faults.push(...await lookWithoutScripts(browser, book, names));
            faults.push(...await search(context, book, 'index.html', 'sethostname'));
            faults.push(...await sidebar(context, book, 'index.html'));
        }
        faults.forEach(fault => console.error(fault));
        const seconds = Math.round((Date.now() - begun) / 1000);
        console.log(rest[0] === '--planted'
            ? `browser: planted faults, ${faults.length} not noticed, ${seconds} s`
            : `browser: ${names.length} pages in ${THEMES.length} themes, heaviest ${Math.ceil(heaviest / 1024)} KiB, ${faults.length} faults, ${seconds} s`);
        return faults.length ? 1 : 0;
    } finally {
        await browser.close();
    }
}

process.exitCode = await main();
