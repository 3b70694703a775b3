const notes = new Map();  // by the note that they began with: a popover that is closed forgets its own

export default function ({data, parentElement}) {
  const [note, button, said] = ['textarea', 'button', '[role=status]'].map(name => parentElement.querySelector(name));
  const finding = JSON.parse(data.finding);
  note.maxLength = data.longest;
  note.value = notes.get(finding.note) ?? finding.note;
  note.oninput = () => { notes.set(finding.note, note.value); said.textContent = ''; };
  note.onkeydown = event => { if (event.key !== 'Escape') event.stopPropagation(); };  // Streamlit's keys are letters
  button.onclick = () => {
    const file = new Blob([JSON.stringify({...finding, note: note.value}, null, 1)], {type: 'application/json'});
    const link = Object.assign(document.createElement('a'), {href: URL.createObjectURL(file), download: 'finding.json'});
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    said.textContent = 'Saved as finding.json';
  };
}
