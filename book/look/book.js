'use strict';

// What mdBook's page leaves to be mended for who reads by ear or by keyboard.
(() => {
    // The label beside the checkbox looks like a button and is none: it gets a button's role, key and state.
    const toggle = document.getElementById('mdbook-sidebar-toggle');
    const box = document.getElementById('mdbook-sidebar-toggle-anchor');
    if (toggle && box) {
        toggle.setAttribute('role', 'button');
        toggle.tabIndex = 0;
        const tell = () => toggle.setAttribute('aria-expanded', String(box.checked));
        toggle.addEventListener('keydown', event => {
            if (event.key === 'Enter' || event.key === ' ') {
                event.preventDefault();
                toggle.click();
            }
        });
        box.addEventListener('change', tell);
        tell();
    }
    // What scrolls sideways can be reached by keyboard.
    const reach = () => document.querySelectorAll('main pre > code, .table-wrapper, .drawing').forEach(part => {
        if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
        else part.removeAttribute('tabindex');
    });
    reach();
    addEventListener('resize', reach);
    // Answers are printed, open or not.
    addEventListener('beforeprint', () => document.querySelectorAll('main details').forEach(one => { one.open = true; }));
})();
