const notes = new Map();  // by the note that they began with: a popover that is closed forgets its own

export default function ({data, parentElement}) {
  const [note, button, said] = ['textarea', 'button', '[role=status]'].map(name => parentElement.querySelector(name));
  const view = JSON.parse(data.view);
  note.maxLength = data.longest;
  note.value = notes.get(view.note) ?? view.note;
  note.oninput = () => { notes.set(view.note, note.value); said.textContent = ''; };
  note.onkeydown = event => { if (event.key !== 'Escape') event.stopPropagation(); };  // Streamlit's keys are letters
  button.onclick = () => {
    const file = new Blob([JSON.stringify({...view, note: note.value}, null, 1)], {type: 'application/json'});
    const link = document.createElement('a');
    Object.assign(link, {href: URL.createObjectURL(file), download: 'saved-view.json'}).click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    said.textContent = 'Saved as saved-view.json';
  };
}
