// Loads the parts of a page anew that change, every few seconds while the page is seen. Without it all works by hand.
'use strict';

const WAIT = 8000; // a page that takes longer counts as late

let lastGood = new Date(); // when the figures on the page were read

function refresh(part) {
  const pause = Number(part.dataset.refresh) * 1000;
  const again = () => setTimeout(() => refresh(document.getElementById(part.id)), pause);
  if (document.hidden) {
    again();
    return;
  }
  fetch(location.href, {
    signal: AbortSignal.timeout(WAIT), credentials: 'same-origin', redirect: 'error', headers: { 'Postroom-Part': part.id },
  })
    .then(answer => (answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status)))))
    .then(text => {
      const fresh = new DOMParser().parseFromString(text, 'text/html').getElementById(part.id);
      if (fresh && !inUse(part)) {
        part.replaceWith(document.importNode(fresh, true));
        lastGood = new Date();
      }
      if (fresh) {
        late(false);
      }
    })
    .catch(() => late(true))
    .finally(again);
}

// A part in which somebody types, selects or reads stays as it is. It is asked for all the same, so that a slow database shows.
function inUse(part) {
  return part.contains(document.activeElement) || String(getSelection()) !== '' || part.querySelector('details[open]') !== null;
}

// Says that figures are old, instead of showing them as if they were not.
function late(is) {
  const note = document.getElementById('late');
  if (!is && note) {
    note.remove();
  } else if (is && !note) {
    const added = document.createElement('p');
    added.id = 'late';
    added.className = 'late';
    added.setAttribute('role', 'alert');
    added.textContent = 'These figures are of ' + lastGood.toLocaleTimeString() + ': the server or its database is slow, or you are logged out.';
    document.getElementById('main').prepend(added);
  }
}

for (const part of document.querySelectorAll('[data-refresh]')) {
  setTimeout(() => refresh(part), Number(part.dataset.refresh) * 1000);
}
